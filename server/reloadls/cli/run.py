"""`reloadls run`: a program whose saved edits go live while it runs.

typer shows the help and completes words here, from the table that `reload.runtime.arguments` parses with. The arguments
are parsed, and the program is run, before typer is imported, so that the program starts without delay (see `cli.main`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Annotated, Any

import typer

from reloadls.reload.runtime.start.arguments import OPTIONS, Option, RunOptions

__all__ = ["run"]

_PROGRAM = typer.Argument(
    metavar="SCRIPT [ARGS...]", help="The program, or a command such as uvicorn, and its arguments."
)


def run(**_arguments: object) -> Callable[[], int]:
    """Run a Python program and apply saved edits to it in milliseconds.

    Functions and classes get their new code in place and changed statements run again. What an unchanged statement
    made stays: connections, caches, counters. An edit that can't be applied changes nothing in the program; a line on
    stderr gives the reason. The program sees its arguments, its folder, its terminal and its signals as under 'python',
    and its exit code is passed through.

    With --restart-on-required the program is restarted where it must be. Its listening sockets are handed over, so
    that no connection is refused. It also restarts for the notes stillRunning, stillHeld and notUndone, unless --keep
    names the note's code.

    With --sync-requirements, a change of requirements*.txt, pyproject.toml, uv.lock, poetry.lock or pylock.toml in the
    roots is installed one second later, by uv or pip, once for all processes. New packages can be imported at once; a
    changed one that the program has imported needs a restart.

    Examples:

    \b
      reloadls run app.py --port 8000
      reloadls run uvicorn app:app
      reloadls run python -m uvicorn app:app
      reloadls run --restart-on-required -m flask run
      reloadls run --sync-requirements --restart-on-required uvicorn app:app --workers 4
    """

    def job() -> int:
        from reloadls.reload.runtime.main import main  # noqa: PLC0415 - not for --help

        return main(sys.argv[2:])

    return job


def _option(option: Option) -> Parameter:
    default = getattr(RunOptions(), option.field)
    kind: Any = type(default)
    if option.repeats:
        default, kind = None, list[str] | None
    elif option.metavar and kind is bool:  # -m: its value is the program
        default, kind = None, str | None
    settings = typer.Option(*option.names, metavar=option.metavar or None, help=option.help)
    return Parameter(option.field, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, settings])


_PARAMETERS = (
    Parameter("program", Parameter.POSITIONAL_OR_KEYWORD, annotation=Annotated[list[str], _PROGRAM]),
    *map(_option, OPTIONS),
)
# typer reads both:
run.__signature__ = Signature(_PARAMETERS)  # type: ignore[attr-defined]
run.__annotations__ = {parameter.name: parameter.annotation for parameter in _PARAMETERS}
