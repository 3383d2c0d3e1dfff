"""Which commands exist, and how one runs.

typer parses the arguments and validates them. A command returns its work as a job, which runs outside of typer: typer
handles signals and closed pipes in its own way.
"""

from __future__ import annotations

import re
import sys
from typing import Annotated, Any

import typer

from reloadls._version import __version__
from reloadls.terminal.endings import (
    FAILED,
    OK,
    USAGE,
    close_stdout,
    end_on_sigterm,
    open_standard_streams,
    print_error,
)
from reloadls.terminal.text import error_text, shown

from .arguments import bad_argument
from .config import COMMANDS as CONFIG_COMMANDS
from .config import config_app
from .demo import demo
from .drain import drain
from .proxy import proxy
from .records import records
from .run import run
from .serve import serve
from .status import status
from .watch import watch

__all__ = ["run_command_line"]

_COMMANDS = (run, watch, records, serve, proxy, status, drain, demo)
_SETTINGS: dict[Any, dict[str, Any]] = {
    proxy: {"allow_interspersed_args": False},
    run: {"allow_interspersed_args": False},
}
"""Settings of the commands whose arguments belong to another program from the first one on."""


def run_command_line(args: list[str]) -> int:
    """Run one command and return the exit code: 0, 1 if it failed, 2 for bad arguments."""
    as_json = "--json" in (args[: args.index("--")] if "--" in args else args)
    open_standard_streams()
    try:
        with end_on_sigterm():
            return _run(args)
    except (KeyboardInterrupt, BrokenPipeError):
        return OK
    except Exception as exc:
        if (message := _usage_error(exc)) is not None:
            kind = "bad_args" if args[:1] == [records.__name__] else None
            print_error(message, as_json=as_json, hint=_hint(args), status=kind)
            return USAGE
        print_error(error_text(exc), as_json=as_json)
        return FAILED
    finally:
        close_stdout()


def _run(args: list[str]) -> int:
    args, command = _without_command(args)
    try:
        job: Any = _app()(args, standalone_mode=False, prog_name="reloadls", obj=command)
    except SystemExit as exc:  # typer's answer to a closed pipe while it prints help
        if isinstance(exc.__context__, OSError):
            return OK
        raise
    return int(job()) if callable(job) else OK


def _without_command(args: list[str]) -> tuple[list[str], list[str]]:
    """The arguments of `reloadls watch`, and the command after ``--``; typer would mix them up."""
    if args[:1] != [watch.__name__] or "--" not in args:
        return args, []
    at = args.index("--")
    if not args[at + 1 :]:
        raise bad_argument("COMMAND", None, "is missing after '--'.")
    return args[:at], args[at + 1 :]


def _app() -> typer.Typer:
    app = typer.Typer(
        name="reloadls",
        add_completion=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback(invoke_without_command=True)(_root)
    for command in _COMMANDS:
        app.command(context_settings=_SETTINGS.get(command))(command)
    app.add_typer(config_app())
    return app


def _root(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Report which files really changed, and apply saved edits to running Python programs.

    Examples:

    \b
      reloadls run app.py               as python app.py, with saved edits applied live
      reloadls status                   programs that run under reloadls, and what they host
      reloadls watch                    print what changes below this folder
      reloadls watch src --json         the same, as JSON, for programs
      reloadls watch --once && make     wait for one change, then go on
      reloadls records tasks.d          print JSON records and what happens to them
      reloadls config check app.toml    validate configuration, and follow it
      reloadls serve --stdio            serve editors, agents and scripts over JSON-RPC
      reloadls proxy -- ruff server     add file watching to a language server
      reloadls demo                     watch it work on a copy of a real project
    """
    if version:
        sys.stdout.write(f"reloadls {__version__}\n")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        sys.stdout.write(ctx.get_help() + "\n")


def _usage_error(exc: Exception) -> str | None:
    """The message of typer's own errors, in any version of typer; None for any other error."""
    describe = getattr(exc, "format_message", None)
    if describe is None:
        return None
    # Some versions have already escaped bytes that are not UTF-8, in their own way.
    return re.sub(r"\\udc([89a-f][0-9a-f])", r"\\x\1", shown(" ".join(str(describe()).split())))


def _hint(args: list[str]) -> str:
    names = [command.__name__ for command in _COMMANDS]
    if args[:1] == ["config"]:
        inner = [command.__name__ for command in CONFIG_COMMANDS]
        return f"Try 'reloadls config{f' {args[1]}' if args[1:2] and args[1] in inner else ''} --help'."
    command = f" {args[0]}" if args[:1] and args[0] in names else ""
    return f"Try 'reloadls{command} --help'."
