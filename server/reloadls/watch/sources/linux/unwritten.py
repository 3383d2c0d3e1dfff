"""Which paths were not written to, according to the kernel's events: a `chmod`, or a move away and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from reloadls.watch.sources.linux.calls import ATTRIB, CREATE, ISDIR, MOVED_FROM, MOVED_TO

__all__ = ["UnwrittenPaths"]

_NOT_WRITING: Final = ATTRIB | CREATE | MOVED_FROM | MOVED_TO | ISDIR
"""Events that don't change a file's content. A new name may be that of a file with other names."""


class UnwrittenPaths:
    """Collects the events of one read."""

    def __init__(self) -> None:
        self._candidates: dict[str, list[int]] = {}
        """Path → cookies of the moves from or to it."""
        self._ends: dict[int, list[str]] = {}
        self._written: set[str] = set()

    def note(self, path: str, mask: int, moves: Iterable[tuple[int, bool]]) -> None:
        """Add an event of `path`, with the cookie of each move."""
        if mask & ~_NOT_WRITING:
            self._written.add(path)
            return
        cookies = self._candidates.setdefault(path, [])
        for cookie, _ in moves:
            cookies.append(cookie)
            self._ends.setdefault(cookie, []).append(path)

    def paths(self) -> frozenset[str]:
        """Return the paths whose metadata alone can have changed, including those moved away and back.

        A file that was moved out of the watched folders may have been written to there.
        """
        left = self._candidates.keys() - self._written
        while dropped := {
            path for path in left if not all(self._is_known(move, left) for move in self._candidates[path])
        }:
            left -= dropped
        return frozenset(left)

    def _is_known(self, cookie: int, left: set[str]) -> bool:
        return len(self._ends[cookie]) > 1 and left.issuperset(self._ends[cookie])
