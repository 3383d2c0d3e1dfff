"""`reloadls run`: runs the program in this process, under the runtime. Imports little, to start the program fast."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reloadls.base.own_imports import load_apart
from reloadls.base.text import shown

from .start.arguments import BadRunArgument, RunOptions, parse
from .start.own_modules import load_all
from .start.program import CantRun, find_program, run

if TYPE_CHECKING:
    from reloadls.reload import HotReloader

    from .process_runtime import Commit, ProcessRuntime
    from .supervision.link import Link

__all__ = ["main", "run_options"]


def main(args: Sequence[str]) -> int:
    """Run a program; what it raises at its end is raised.

    Args:
        args: the command line after `reloadls run`.

    Returns:
        The program's exit code; 2 for invalid arguments.

    Raises:
        HelpRequested: the arguments ask for help.
    """
    try:
        options = parse(args)
    except BadRunArgument as error:
        sys.stderr.write(f"reloadls: {shown(str(error))}\nTry 'reloadls run --help'.\n")
        return 2
    if not options.is_module and _may_be_command(options.program):
        from .start.commands import UnsupportedCommand, resolve  # noqa: PLC0415 - most programs are scripts and modules

        ours = list(args[: len(args) - len(options.args) - 1])
        try:
            options, flags = resolve(options)
        except UnsupportedCommand as error:
            sys.stderr.write(f"reloadls: {shown(str(error))}\n")
            return 2
        if flags:  # the interpreter reads them only at its start
            program = ["-m", options.program] if options.is_module else [options.program]
            command = [sys.executable, *flags, "-m", "reloadls", "run", *ours, *program, *options.args]
            os.execv(sys.executable, command)  # noqa: S606
    return run_options(options)


def _may_be_command(program: str) -> bool:
    return not os.path.isfile(program) or os.path.basename(program).startswith(("python", "pypy"))


def run_options(options: RunOptions) -> int:
    """Run a program with parsed arguments; returns its exit code."""
    try:
        if options.restart:
            return _supervised(options)
        return _run(options, None)
    except CantRun as error:
        sys.stderr.write(f"reloadls: {shown(str(error))}\n")
        return error.status


def _supervised(options: RunOptions) -> int:
    if not hasattr(os, "fork"):
        sys.stderr.write("reloadls: --restart-on-required needs fork, which this system does not have\n")
        return 2
    from .supervision.supervisor import Supervisor  # noqa: PLC0415 - only needed with --restart-on-required

    ended = Supervisor(options).run()
    return ended if isinstance(ended, int) else _run(options, ended)


def _run(options: RunOptions, link: Link | None) -> int:
    if not options.quiet and not getattr(sys, "_is_gil_enabled", lambda: True)():
        text = "this Python runs without the GIL: an edit may be applied while threads run; set PYTHON_GIL=1"
        sys.stderr.write(f"reloadls  {text}\n")
    script = find_program(options.program, is_module=options.is_module, args=options.args)
    load_apart(load_all, before_program=True)
    process_runtime = _set_up(options, link)
    if link is not None:
        link.begin(process_runtime.runtime.announce)
    try:
        failed = (lambda: None) if link is None else link.import_failed
        return run(process_runtime.reloader, options.program, script, on_import_failed=failed)
    except KeyboardInterrupt:
        # The interpreter loses the interrupt if another thread imports at that moment, so stop the runtime first.
        process_runtime.runtime.stop()
        raise


def _set_up(options: RunOptions, link: Link | None) -> ProcessRuntime[HotReloader]:
    from reloadls.reload import HotReloader  # noqa: PLC0415 - not needed by the supervisor

    from .endpoint.program_info import ProgramInfo  # noqa: PLC0415
    from .process_runtime import set_up  # noqa: PLC0415
    from .spawned import install_in_spawned  # noqa: PLC0415
    from .start.roots import roots_of  # noqa: PLC0415

    roots = roots_of(options.program, options.roots, is_module=options.is_module)
    name = options.program if options.is_module else os.path.basename(os.path.abspath(options.program))

    def make(commit: Commit) -> HotReloader:
        return HotReloader(roots, commit=commit, follow=not options.roots)

    info = ProgramInfo(name=name, roots=roots, supervised=link is not None)
    sync = None
    if options.sync or options.sync_command:
        from .live.console import print_line  # noqa: PLC0415
        from .requirements.sync import RequirementsSync  # noqa: PLC0415 - only with --sync-requirements

        sync = RequirementsSync(
            roots, options.sync_command, lambda word, text: print_line(word, text, quiet=options.quiet)
        )
    install_in_spawned(
        info,
        debounce_ms=options.debounce_ms,
        quiet=options.quiet,
        follow=not options.roots,
        leader_args=None if link is None else link.leader_args,
    )
    return set_up(
        make,
        info,
        debounce_ms=options.debounce_ms,
        quiet=options.quiet,
        supervision=link,
        on_ready=(lambda: None) if link is None else link.ready,
        sync=sync,
    )
