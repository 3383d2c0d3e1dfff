"""`reloadls run`: a program that takes its edits up while it runs.

What typer is asked here is help alone: the arguments are read, and the program is run, before typer is imported, so
that the program starts as fast as without us (see `cli.main`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

__all__ = ["run"]


def run(
    program: Annotated[
        list[str],
        typer.Argument(
            metavar="SCRIPT [ARGS...]",
            help="The program, or a command such as uvicorn, and its arguments.",
        ),
    ],
    *,
    module: Annotated[
        str | None, typer.Option("-m", metavar="MODULE", help="Run a module, as 'python -m' does, instead of a script.")
    ] = None,
    restart_on_required: Annotated[
        bool, typer.Option("--restart-on-required", help="Start the program anew where an edit can't be made live.")
    ] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE",
            help="Do not restart for this note: notUndone, stillHeld or stillRunning; can be repeated.",
        ),
    ] = None,
    root: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH",
            help="A folder of the program's own code; can be repeated.  [default: all that is not installed]",
        ),
    ] = None,
    debounce_ms: Annotated[
        str, typer.Option(metavar="N", show_default=True, help="Quiet time after a change, 1 to 60000.")
    ] = "25",
    drain_seconds: Annotated[
        str, typer.Option(metavar="N", show_default=True, help="How long a program that is replaced may take to end.")
    ] = "10",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr.")] = False,
) -> Callable[[], int]:
    """Run a Python program whose saved edits go live in milliseconds.

    Functions and classes get their new code in place, changed statements run again, and what an unchanged statement
    made stays: connections, caches, counters. A save that can't be taken up changes nothing in the program, and the
    line on stderr says why. The program sees its arguments, its folder, its terminal and its signals as under 'python',
    and its exit code is ours.

    With --restart-on-required the program is started anew where it must be; its listening sockets are handed over, so
    that no connection is refused. It also restarts for the notes stillRunning, stillHeld and notUndone, unless --keep
    names the note's code.

    Examples:

    \b
      reloadls run app.py --port 8000
      reloadls run uvicorn app:app
      reloadls run python -m uvicorn app:app
      reloadls run --restart-on-required -m flask run
    """
    del program, module, restart_on_required, keep, root, debounce_ms, drain_seconds, quiet

    def job() -> int:
        from reloadls.reload.runtime.main import main  # noqa: PLC0415

        return main(sys.argv[2:])

    return job
