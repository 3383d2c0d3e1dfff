"""Reading arguments: each is taken as text and checked here, so that a refusal says what is allowed."""

from __future__ import annotations

import errno
import math
import os
import stat
from collections.abc import Sequence
from typing import TypeVar

from reloadls.base.paths import absolute
from reloadls.watch.patterns import Patterns, check_pattern

from .text import quoted, shown

__all__ = ["BadArgument", "existing_path", "one_of", "pattern", "seconds", "watched_path", "whole_number"]

T = TypeVar("T", bound=str)


class BadArgument(Exception):
    """An argument can't be used: its name, the value, and what is allowed."""

    def __init__(self, name: str, value: str, allowed: str) -> None:
        super().__init__(f"{name} {quoted(value)}: {allowed}")


def whole_number(name: str, value: str, *, low: int, high: int | None = None) -> int:
    """Return `value` as an integer from `low` to `high`."""
    allowed = (
        f"must be a whole number of at least {low}" if high is None else f"must be a whole number, {low} to {high}"
    )
    try:
        number = int(value) if len(value) < 20 and value.isascii() else None
    except ValueError:
        number = None
    if number is None or number < low or (high is not None and number > high):
        raise BadArgument(name, value, allowed)
    return number


def seconds(name: str, value: str) -> float:
    """Return `value` as a time that is greater than 0."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise BadArgument(name, value, "must be a number of seconds greater than 0, such as 2.5")
    return number


def one_of(name: str, value: str, allowed: Sequence[T]) -> T:
    """Return `value` if it is one of `allowed`."""
    for item in allowed:
        if item == value:
            return item
    raise BadArgument(name, value, f"must be one of {', '.join(allowed)}")


def pattern(name: str, value: str) -> str:
    """Return `value` if it is a gitignore pattern that can match something."""
    reason = check_pattern(value) or (None if Patterns([value]) else "matches nothing")
    if reason is not None:
        raise BadArgument(name, value, f"{shown(reason)}; must be a gitignore pattern, such as '*.py' or 'docs/'")
    return value


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
            raise BadArgument("PATH", value, f"{reason}; must be an existing file or folder") from None
    else:
        if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
            raise BadArgument("PATH", value, "is neither a file nor a folder; must be one of them")
    try:
        return absolute(value)
    except OSError as exc:
        raise BadArgument("PATH", value, f"the working directory is gone ({exc.strerror}); must be absolute") from None
