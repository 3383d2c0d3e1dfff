"""Which paths were not written to, as far as the kernel's events say: a `chmod`, or a move there and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from reloadls.watch.sources.linux.calls import ATTRIB, CREATE, ISDIR, MOVED_FROM, MOVED_TO

__all__ = ["UnwrittenPaths"]

_NOT_WRITING: Final = ATTRIB | CREATE | MOVED_FROM | MOVED_TO | ISDIR
"""Events that leave the content of a file as it is: a new name may be that of one which has others."""


class UnwrittenPaths:
    """Gathers the events of one read."""

    def __init__(self) -> None:
        self._candidates: dict[str, list[int]] = {}
        """Path → the cookies of the moves of which it was one end."""
        self._ends: dict[int, list[str]] = {}
        self._written: set[str] = set()

    def note(self, path: str, mask: int, moves: Iterable[tuple[int, bool]]) -> None:
        """This has happened to `path`, with the cookie of each move."""
        if mask & ~_NOT_WRITING:
            self._written.add(path)
            return
        cookies = self._candidates.setdefault(path, [])
        for cookie, _ in moves:
            cookies.append(cookie)
            self._ends.setdefault(cookie, []).append(path)

    def paths(self) -> frozenset[str]:
        """The paths of which only the metadata can have changed, those that were moved away and came back included.

        What went where nobody watches may have been written to there.
        """
        left = self._candidates.keys() - self._written
        while dropped := {
            path for path in left if not all(self._is_known(move, left) for move in self._candidates[path])
        }:
            left -= dropped
        return frozenset(left)

    def _is_known(self, cookie: int, left: set[str]) -> bool:
        return len(self._ends[cookie]) > 1 and left.issuperset(self._ends[cookie])
