"""The lines of a source file, decoded as Python does."""

from __future__ import annotations

import tokenize
from typing import Final

__all__ = ["first_lines"]

_MAX_LINE: Final = 10_000


def first_lines(path: str, count: int) -> list[str]:
    """Return up to `count` lines of a source file; none if it can't be read."""
    found: list[str] = []
    try:
        with tokenize.open(path) as file:
            while len(found) < count and (line := file.readline(_MAX_LINE)):
                found.append(line.rstrip("\r\n"))
    except (OSError, SyntaxError, ValueError):
        return []
    return found
