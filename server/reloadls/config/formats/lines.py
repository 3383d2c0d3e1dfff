"""From a position in a text to its line and column."""

from __future__ import annotations

from bisect import bisect_right

from reloadls.config.source import Place

__all__ = ["Lines"]


class Lines:
    """The lines of a text; both are counted from 1, columns in characters."""

    def __init__(self, text: str) -> None:
        self._starts = [0]
        at = text.find("\n")
        while at >= 0:
            self._starts.append(at + 1)
            at = text.find("\n", at + 1)

    def place(self, at: int) -> Place:
        """Return the place of the character at `at`."""
        line = bisect_right(self._starts, at)
        return Place(line, at - self._starts[line - 1] + 1)
