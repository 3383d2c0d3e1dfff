"""The options of `reloadls run`, in one table, and a parser that avoids importing typer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["OPTIONS", "BadRunArgument", "HelpRequested", "Option", "RunOptions", "parse"]


class BadRunArgument(Exception):
    """An argument is invalid; the message has its name, its value and what is allowed."""


class HelpRequested(Exception):
    """The arguments ask for help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What to run, and how."""

    program: str = ""
    """The path of a script, or the name of a module."""
    is_module: bool = False
    args: tuple[str, ...] = ()
    """The program's own arguments."""
    roots: tuple[str, ...] = ()
    """The folders to watch; if empty, they are derived from the program."""
    debounce_ms: int = 25
    restart: bool = False
    """Restart the program when an edit can't be applied live."""
    drain_s: float = 10.0
    """How long a replaced process may take to end, in seconds."""
    quiet: bool = False
    keep: tuple[str, ...] = ()
    """The codes of notes that cause no restart."""
    sync: bool = False
    """Install what the requirement files demand, whenever that changes."""
    sync_command: str = ""
    """The command that installs it; if empty, uv or pip is chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of `reloadls run`, for the parser and the help.

    Attributes:
        names: as written on the command line.
        field: the field of `RunOptions` that it sets.
        help: one sentence.
        metavar: the name of its value in the help; empty for a flag.
        read: converts the text to the field's value; raises ValueError with what is allowed.
        repeats: whether it may be given several times.
    """

    names: tuple[str, ...]
    field: str
    help: str
    metavar: str = ""
    read: Callable[[str], object] = str
    repeats: bool = False


_NOTES = ("notUndone", "stillHeld", "stillRunning")
_MODULE = "-m"


def _note(value: str) -> str:
    if value not in _NOTES:
        raise ValueError(f"must be one of {', '.join(_NOTES)}")
    return value


def _folder(value: str) -> str:
    if not value:
        raise ValueError("must be a folder")
    return value


def _command(value: str) -> str:
    import shlex  # noqa: PLC0415 - rarely needed

    try:
        parts = shlex.split(value)
    except ValueError as error:
        raise ValueError(f"must be a command line: {error}") from None
    if not parts:
        raise ValueError("must be a command line")
    return value


def _milliseconds(value: str) -> int:
    number = int(value) if value.isascii() and value.isdigit() and len(value) < 8 else 0
    if not 1 <= number <= 60_000:
        raise ValueError("must be a whole number, 1 to 60000")
    return number


def _seconds(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 3600:
        raise ValueError("must be a number of seconds, 0 to 3600")
    return number


OPTIONS = (
    Option(
        names=(_MODULE,),
        field="is_module",
        metavar="MODULE",
        help="Run a module, as 'python -m' does, instead of a script.",
    ),
    Option(
        names=("--restart-on-required",),
        field="restart",
        help="Restart the program when an edit can't be applied live.",
    ),
    Option(
        names=("--keep",),
        field="keep",
        metavar="CODE",
        read=_note,
        repeats=True,
        help="Do not restart for this note: notUndone, stillHeld or stillRunning; repeatable.",
    ),
    Option(
        names=("--root",),
        field="roots",
        metavar="PATH",
        read=_folder,
        repeats=True,
        help="A folder with the program's own code; repeatable.  [default: all code that is not installed]",
    ),
    Option(
        names=("--debounce-ms",),
        field="debounce_ms",
        metavar="N",
        read=_milliseconds,
        help="Quiet time after a change, 1 to 60000.",
    ),
    Option(
        names=("--drain-seconds",),
        field="drain_s",
        metavar="S",
        read=_seconds,
        help="How long a replaced process may take to end, 0 to 3600.",
    ),
    Option(
        names=("--sync-requirements",),
        field="sync",
        help="Install what requirements*.txt, pyproject.toml and lock files demand whenever that changes.",
    ),
    Option(
        names=("--sync-command",),
        field="sync_command",
        metavar="COMMAND",
        read=_command,
        help="The command that does that, such as 'uv sync'; implies --sync-requirements.  [default: uv, else pip]",
    ),
    Option(names=("--quiet", "-q"), field="quiet", help="Print nothing to stderr."),
)
_BY_NAME = {name: option for option in OPTIONS for name in option.names}


def parse(args: Sequence[str]) -> RunOptions:
    """Parse the arguments after `run`.

    Raises:
        BadRunArgument: an argument is invalid, or the program is missing.
        HelpRequested: the arguments ask for help.
    """
    options = RunOptions()
    rest = list(args)
    while rest:
        argument = rest.pop(0)
        name, equals, value = argument.partition("=")
        if argument in ("-h", "--help"):
            raise HelpRequested
        if argument in (_MODULE, "--"):
            if not rest:
                raise BadRunArgument(f"{argument} needs the name of a {'module' if argument == _MODULE else 'script'}")
            return replace(options, program=rest[0], is_module=argument == _MODULE, args=tuple(rest[1:]))
        option = _BY_NAME.get(name)
        if option is None:
            if argument.startswith("-") and argument != "-":
                raise BadRunArgument(f"no such option: {argument}")
            return replace(options, program=argument, args=tuple(rest))
        if option.metavar and not equals:
            if not rest:
                raise BadRunArgument(f"{name} needs a value")
            value = rest.pop(0)
        elif equals and not option.metavar:
            raise BadRunArgument(f"{name} takes no value")
        options = _with(options, option, name, value)
    raise BadRunArgument("no program: give a SCRIPT, or -m and a MODULE")


def _with(options: RunOptions, option: Option, name: str, text: str) -> RunOptions:
    value: Any = True
    if option.metavar:
        try:
            value = option.read(text)
        except ValueError as error:
            raise BadRunArgument(f"{name} {text!r}: {error}") from None
    if option.repeats:
        value = (*getattr(options, option.field), value)
    changes: dict[str, Any] = {option.field: value}
    return replace(options, **changes)
