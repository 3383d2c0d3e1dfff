"""Hot reload in processes that `multiprocessing` starts by spawn or forkserver, as web servers start workers.

Such a process is a new interpreter, not a copy. Its command line is extended so that it starts a runtime of its own.
The same applies to the fork server; the processes it forks get a runtime like every fork.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.reloader import HotReloader

from .endpoint.program_info import ProgramInfo
from .process_runtime import Commit, is_set_up, set_up
from .watching.other_reloader import other_reloader

if TYPE_CHECKING:
    from .supervision.leader import Leader

__all__ = ["begin", "install_in_spawned"]

LeaderArgs = tuple[int, tuple[str, ...]]
"""The arguments of a `Leader`."""

_log = logging.getLogger("reloadls.reload")

_BEGIN = """\
import sys
path, sys.path[:] = sys.path[:], [entry for entry in sys.path if entry]
try:
    from reloadls.base.own_imports import install
except ImportError:
    sys.path[:] = path
else:
    sys.path[:] = path
    install()
    from reloadls.reload.runtime.spawned import begin
    begin({name!r}, {roots!r}, leaders={leaders!r}, leader_args={leader_args!r}, **{options!r})
"""
"""What the new interpreter runs first. Without reloadls in its environment it runs as usual."""

_SERVER = "from multiprocessing.forkserver import main"


def install_in_spawned(
    info: ProgramInfo,
    *,
    debounce_ms: float,
    quiet: bool,
    follow: bool,
    leaders: tuple[int, ...] = (),
    leader_args: LeaderArgs | None = None,
) -> None:
    """Make every process spawned from now on, by this one or its children, reload itself as this one does.

    Args:
        info: what to publish about the program.
        debounce_ms: quiet time after a change, in milliseconds.
        quiet: print nothing on stderr.
        follow: also reload modules outside of the roots, unless they are installed.
        leaders: the pids of the processes this one was spawned from.
        leader_args: the arguments of the child's `Leader`; None without a supervisor.
    """
    options = {"debounce_ms": debounce_ms, "quiet": quiet, "follow": follow}
    leaders = (*leaders, os.getpid())
    first = _BEGIN.format(name=info.name, roots=info.roots, leaders=leaders, leader_args=leader_args, options=options)

    def patch_spawn(spawn: ModuleType) -> None:
        vars(spawn)["get_command_line"] = _with_prefix(spawn.get_command_line, first)

    def patch_server(util: ModuleType) -> None:
        plain = util.spawnv_passfds

        def spawnv_passfds(path: Any, args: Any, passfds: Any) -> int:
            line = list(args)
            if "-c" in line[:-1] and _SERVER in str(line[line.index("-c") + 1]):
                line[line.index("-c") + 1] = first + line[line.index("-c") + 1]
            return int(plain(path, line, passfds))

        vars(util)["spawnv_passfds"] = spawnv_passfds

    when_loaded("multiprocessing.spawn", patch_spawn)
    when_loaded("multiprocessing.util", patch_server)


def _with_prefix(plain: Callable[..., list[str]], first: str) -> Callable[..., list[str]]:
    def get_command_line(**given: Any) -> list[str]:
        line = plain(**given)
        if other_reloader() is not None:  # it restarts the process at the next save
            return line
        if "-c" in line[:-1]:  # absent in a frozen executable
            line[line.index("-c") + 1] = first + line[line.index("-c") + 1]
        return line

    return get_command_line


def begin(
    name: str,
    roots: tuple[str, ...],
    *,
    debounce_ms: float,
    quiet: bool,
    follow: bool,
    leaders: tuple[int, ...],
    leader_args: LeaderArgs | None,
) -> None:
    """Start the runtime of a spawned process unless it has one; log a warning if that is not possible.

    Args:
        name: the program's script or module.
        roots: the folders with the program's own code.
        debounce_ms: quiet time after a change, in milliseconds.
        quiet: print nothing on stderr.
        follow: also reload modules outside of the roots, unless they are installed.
        leaders: the pids of the processes this one was spawned from.
        leader_args: the arguments of its `Leader`; None without a supervisor.
    """
    if is_set_up():
        return

    def make(commit: Commit) -> HotReloader:
        return HotReloader(roots, commit=commit, follow=follow)

    info = ProgramInfo(name=name, roots=roots)
    try:
        install_in_spawned(
            info, debounce_ms=debounce_ms, quiet=quiet, follow=follow, leaders=leaders, leader_args=leader_args
        )
        above = None if leader_args is None else _leader(leader_args)
        process_runtime = set_up(make, info, debounce_ms=debounce_ms, quiet=quiet, leaders=leaders, supervision=above)
        when_loaded("multiprocessing.spawn", lambda spawn: _follow_main(spawn, process_runtime.reloader))
    except Exception as error:  # the process must do its work in any case
        _log.warning("hot reload is off in a spawned process: %s: %s", type(error).__name__, error)


def _leader(leader_args: LeaderArgs) -> Leader:
    from .supervision.leader import Leader  # noqa: PLC0415 - only needed with a supervisor

    return Leader(*leader_args)


def _follow_main(spawn: ModuleType, reloader: HotReloader) -> None:
    """Have the engine load the program's main module, which `multiprocessing` runs as `__mp_main__`."""

    def instead_of(plain: Callable[[str], None], *, is_name: bool) -> Callable[[str], None]:
        def fix_up(main: str) -> None:
            before = sys.modules["__main__"]
            known = getattr(before.__spec__, "name", None) if is_name else getattr(before, "__file__", None)
            if main == known or before.__name__ == "__mp_main__":
                plain(main)
                return
            module = reloader.run_again(None if is_name else main, main if is_name else None, "__mp_main__")
            if module is None:
                plain(main)
                return
            spawn.old_main_modules.append(before)
            sys.modules["__main__"] = sys.modules["__mp_main__"] = module

        return fix_up

    spawned = vars(spawn)
    spawned["_fixup_main_from_path"] = instead_of(spawn._fixup_main_from_path, is_name=False)
    spawned["_fixup_main_from_name"] = instead_of(spawn._fixup_main_from_name, is_name=True)
