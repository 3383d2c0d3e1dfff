"""What the command line accepts as a value: parsers for typer, which raise typer's own error."""

from __future__ import annotations

import errno
import math
import os
import signal
import stat
from typing import Literal, get_args

import typer

from reloadls.base.choices import ChangeType
from reloadls.base.paths import absolute
from reloadls.terminal.text import quoted, shown

__all__ = [
    "MAX_MS",
    "OnBusy",
    "bad_argument",
    "change_type",
    "existing_path",
    "pattern",
    "readable_file",
    "seconds",
    "signal_number",
    "watched_path",
    "writable_file",
]

OnBusy = Literal["restart", "queue", "ignore"]
"""What a change does while a command is still running."""
MAX_MS = 60_000
"""The longest time that an option in milliseconds accepts."""


def bad_argument(name: str, value: str | None, reason: str) -> typer.BadParameter:
    """Return the error for a value that typer accepts and something else refuses; None is one that was not given."""
    return typer.BadParameter(reason if value is None else f"{quoted(value)} {reason}", param_hint=quoted(name))


def change_type(value: str) -> str:
    """Return `value` if it is a type of change."""
    if value not in get_args(ChangeType):
        raise typer.BadParameter(f"{quoted(value)} is not one of {', '.join(get_args(ChangeType))}.")
    return value


def seconds(value: str | float) -> float:
    """Return `value` as a time that is greater than 0."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise typer.BadParameter(f"{quoted(str(value))} is not a number of seconds greater than 0, such as 2.5.")
    return number


def pattern(value: str) -> str:
    """Return `value` if it is a gitignore pattern that can match something."""
    from reloadls.watch.scope.patterns import Patterns, check_pattern  # noqa: PLC0415 - not for --help

    reason = check_pattern(value) or (None if Patterns([value]) else "matches nothing")
    if reason is not None:
        example = "must be a gitignore pattern, such as '*.py' or 'docs/'"
        raise typer.BadParameter(f"{quoted(value)} {shown(reason)}; {example}.")
    return value


def signal_number(value: str | int) -> int:
    """Return the signal that `value` names: ``SIGINT``, ``int`` or ``2``."""
    text = str(int(value) if isinstance(value, int) else value).upper().removeprefix("SIG")
    found = getattr(signal.Signals, f"SIG{text}", None) if text.isalnum() else None
    if found is None and text.isdecimal() and len(text) < 4 and int(text) in signal.valid_signals():
        found = int(text)
    if found is None:
        raise typer.BadParameter(f"{quoted(str(value))} is not a signal of this system, such as SIGTERM, INT or 2.")
    return int(found)


def existing_path(value: str) -> str:
    """Return `value` made absolute, if it is a file or folder that exists."""
    return _path(value, missing=False)


def watched_path(value: str) -> str:
    """Return `value` made absolute, if it is a file or folder, or could become one."""
    return _path(value, missing=True)


def _path(value: str, *, missing: bool) -> str:
    try:
        mode = os.stat(value).st_mode
    except OSError as exc:
        if not missing or exc.errno != errno.ENOENT or not value:
            reason = "does not exist" if exc.errno == errno.ENOENT else f"can't be watched ({exc.strerror})"
            raise bad_argument("PATH", value, f"{reason}; must be an existing file or folder.") from None
    else:
        if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
            raise bad_argument("PATH", value, "is neither a file nor a folder.")
    try:
        return absolute(value)
    except OSError as exc:
        reason = f"is relative to a working directory that no longer exists ({exc.strerror})"
        raise bad_argument("PATH", value, f"{reason}; must be absolute.") from None


def readable_file(value: str) -> str:
    """Return `value` if it is a file that can be read."""
    try:
        if not os.path.isfile(value):
            raise typer.BadParameter(f"{quoted(value)} is not a file.")
        with open(value, "rb"):
            return value
    except OSError as exc:
        raise typer.BadParameter(f"{quoted(value)} can't be read ({exc.strerror}).") from None


def writable_file(value: str) -> str:
    """Return `value` if it is a file that can be appended to; it is made if it does not exist."""
    try:
        with open(value, "ab"):
            return value
    except OSError as exc:
        raise typer.BadParameter(f"{quoted(value)} can't be written ({exc.strerror}).") from None
