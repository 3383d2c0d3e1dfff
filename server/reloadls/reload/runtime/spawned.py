"""Processes that the program starts by `multiprocessing`'s spawn or forkserver, as a web server does with its workers.

Such a process is a new interpreter, not a copy: it is told here, as it begins, to have a runtime of its own. So is the
server that forks others; those have a runtime as every fork has.
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

__all__ = ["begin", "cover_spawned"]

LeaderArgs = tuple[int, tuple[str, ...]]
"""What a `Leader` is made of."""

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
"""What the new interpreter runs first. An interpreter that has no reloadls runs as always."""

_SERVER = "from multiprocessing.forkserver import main"


def cover_spawned(
    info: ProgramInfo,
    *,
    debounce_ms: float,
    quiet: bool,
    follow: bool,
    leaders: tuple[int, ...] = (),
    leader_args: LeaderArgs | None = None,
) -> None:
    """Have each process that is spawned from now on, by this one or by such a one, reload itself as this one does."""
    options = {"debounce_ms": debounce_ms, "quiet": quiet, "follow": follow}
    leaders = (*leaders, os.getpid())
    first = _BEGIN.format(name=info.name, roots=info.roots, leaders=leaders, leader_args=leader_args, options=options)

    def cover(spawn: ModuleType) -> None:
        vars(spawn)["get_command_line"] = _with_prefix(spawn.get_command_line, first)

    def cover_server(util: ModuleType) -> None:
        plain = util.spawnv_passfds

        def spawnv_passfds(path: Any, args: Any, passfds: Any) -> int:
            line = list(args)
            if "-c" in line[:-1] and _SERVER in str(line[line.index("-c") + 1]):
                line[line.index("-c") + 1] = first + line[line.index("-c") + 1]
            return int(plain(path, line, passfds))

        vars(util)["spawnv_passfds"] = spawnv_passfds

    when_loaded("multiprocessing.spawn", cover)
    when_loaded("multiprocessing.util", cover_server)


def _with_prefix(plain: Callable[..., list[str]], first: str) -> Callable[..., list[str]]:
    def get_command_line(**given: Any) -> list[str]:
        line = plain(**given)
        if other_reloader() is not None:  # it ends the process at the next save
            return line
        if "-c" in line[:-1]:  # not in a program that was frozen into one file
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
    """Start the runtime of a process that was spawned, unless it has one; where that is not possible, log why."""
    if is_set_up():
        return

    def make(commit: Commit) -> HotReloader:
        return HotReloader(roots, commit=commit, follow=follow)

    info = ProgramInfo(name=name, roots=roots)
    try:
        cover_spawned(
            info, debounce_ms=debounce_ms, quiet=quiet, follow=follow, leaders=leaders, leader_args=leader_args
        )
        above = None if leader_args is None else _leader(leader_args)
        process_runtime = set_up(make, info, debounce_ms=debounce_ms, quiet=quiet, leaders=leaders, supervision=above)
        when_loaded("multiprocessing.spawn", lambda spawn: _follow_main(spawn, process_runtime.reloader))
    except Exception as error:  # whatever it is, the process is to do its work
        _log.warning("a process does not reload itself: %s: %s", type(error).__name__, error)


def _leader(leader_args: LeaderArgs) -> Leader:
    from .supervision.leader import Leader  # noqa: PLC0415 - only where there is a supervisor

    return Leader(*leader_args)


def _follow_main(spawn: ModuleType, reloader: HotReloader) -> None:
    """Have the program's main module, which `multiprocessing` runs as `__mp_main__`, be one of the engine's."""

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
