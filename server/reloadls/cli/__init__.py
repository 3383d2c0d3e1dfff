"""The command line: `reloadls COMMAND`.

typer only reads the arguments. What a command is to do comes back as a job and is run outside of typer, whose own
ways with signals and closed pipes would get in between.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from reloadls._version import __version__

from .arguments import BadArgument
from .demo import demo
from .endings import FAILED, OK, USAGE, close_stdout, end_on_sigterm, open_standard_streams, tell_error
from .serve import serve
from .text import shown
from .watch import watch

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, 1 if it failed, 2 for bad arguments."""
    args = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in (args[: args.index("--")] if "--" in args else args)
    open_standard_streams()
    try:
        with end_on_sigterm():
            return _run(args)
    except (KeyboardInterrupt, BrokenPipeError):
        return OK
    except BadArgument as exc:
        tell_error(str(exc), as_json=as_json, hint=f"Try 'reloadls {args[0]} --help'.")
        return USAGE
    except Exception as exc:
        if (usage := _usage_error(exc)) is not None:
            message, command = usage
            tell_error(message, as_json=as_json, hint=f"Try '{command} --help'.")
            return USAGE
        tell_error(f"{type(exc).__name__}: {exc}", as_json=as_json)
        return FAILED
    finally:
        close_stdout()


def _run(args: list[str]) -> int:
    try:
        job: Any = _app()(args, standalone_mode=False, prog_name="reloadls")
    except SystemExit as exc:  # typer's answer to a closed pipe while it prints help
        if isinstance(exc.__context__, OSError):
            return OK
        raise
    return int(job()) if callable(job) else OK


def _app() -> typer.Typer:
    app = typer.Typer(
        name="reloadls",
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback(invoke_without_command=True)(_root)
    for command in (watch, serve, demo):
        app.command()(command)
    return app


def _root(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Tell which files really changed, at once and without loss.

    Examples:

    \b
      reloadls watch                    print what changes below this folder
      reloadls watch src --json         the same, for a program to read
      reloadls watch --once && make     wait for one change, then go on
      reloadls serve --stdio            serve an editor, an agent or a script
      reloadls demo                     see it at work on a copy of a real project
    """
    if version:
        sys.stdout.write(f"reloadls {__version__}\n")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        sys.stdout.write(ctx.get_help() + "\n")


def _usage_error(exc: Exception) -> tuple[str, str] | None:
    """(message, command) of an error that typer found in the arguments, whichever version of it this is."""
    describe = getattr(exc, "format_message", None)
    if describe is None:
        return None
    command = getattr(getattr(exc, "ctx", None), "command_path", "reloadls")
    return shown(" ".join(str(describe()).split())), os.fspath(command)
