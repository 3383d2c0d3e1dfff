"""The arguments of `reloadls run`: ours before the program, all after it the program's own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

__all__ = ["BadRunArgument", "HelpWanted", "RunOptions", "parse"]


class BadRunArgument(Exception):
    """An argument can't be used; the message says which, and what is allowed."""


class HelpWanted(Exception):
    """The user asks what can be said here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What to run, and how."""

    program: str = ""
    """A script's path, or a module's name."""
    is_module: bool = False
    args: tuple[str, ...] = ()
    """The program's own."""
    roots: tuple[str, ...] = ()
    """What to watch; the program's own place if empty."""
    debounce_ms: int = 25
    restart: bool = False
    """Whether to start the program anew where it can't be reloaded."""
    drain_s: float = 10.0
    """How long the one that is replaced may take to end, in seconds."""
    quiet: bool = False
    keep: tuple[str, ...] = ()
    """The codes of notes for which it is not started anew."""


_FLAGS = {"--restart-on-required": "restart", "--quiet": "quiet", "-q": "quiet"}
_VALUES = ("--debounce-ms", "--root", "--drain-seconds", "--keep")
_KEPT = ("notUndone", "stillHeld", "stillRunning")


def parse(args: Sequence[str]) -> RunOptions:
    """Read the arguments after `run`.

    Raises:
        BadRunArgument: one of them can't be used, or there is no program.
        HelpWanted: they ask for help.
    """
    options = RunOptions()
    rest = list(args)
    while rest:
        argument = rest.pop(0)
        name, equals, value = argument.partition("=")
        if argument in ("-h", "--help"):
            raise HelpWanted
        if argument in ("-m", "--"):
            if not rest:
                raise BadRunArgument(f"{argument} needs the name of a {'module' if argument == '-m' else 'script'}")
            return replace(options, program=rest[0], is_module=argument == "-m", args=tuple(rest[1:]))
        if argument in _FLAGS:
            options = _flagged(options, _FLAGS[argument])
        elif name in _VALUES:
            if not equals:
                if not rest:
                    raise BadRunArgument(f"{name} needs a value")
                value = rest.pop(0)
            options = _valued(options, name, value)
        elif argument.startswith("-") and argument != "-":
            raise BadRunArgument(f"no such option: {argument}")
        else:
            return replace(options, program=argument, args=tuple(rest))
    raise BadRunArgument("a program is missing: give a SCRIPT, or -m and a MODULE")


def _flagged(options: RunOptions, field: str) -> RunOptions:
    return replace(options, restart=True) if field == "restart" else replace(options, quiet=True)


def _valued(options: RunOptions, name: str, value: str) -> RunOptions:
    if name == "--root":
        if not value:
            raise BadRunArgument("--root '': must be a folder")
        return replace(options, roots=(*options.roots, value))
    if name == "--keep":
        if value not in _KEPT:
            raise BadRunArgument(f"--keep {value!r}: must be one of {', '.join(_KEPT)}")
        return replace(options, keep=(*options.keep, value))
    if name == "--debounce-ms":
        number = int(value) if value.isascii() and value.isdigit() and len(value) < 8 else 0
        if not 1 <= number <= 60_000:
            raise BadRunArgument(f"--debounce-ms {value!r}: must be a whole number, 1 to 60000")
        return replace(options, debounce_ms=number)
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 3600:
        raise BadRunArgument(f"--drain-seconds {value!r}: must be a number of seconds, 0 to 3600")
    return replace(options, drain_s=seconds)
