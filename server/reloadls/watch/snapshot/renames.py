"""Which created files are renamed ones.

A renamed file keeps its inode. Inodes are used again after a deletion, so either stamp and size must be equal, too, or
the source must have reported the move.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from reloadls.base.paths import ancestors
from reloadls.watch.snapshot.differences import Differences
from reloadls.watch.snapshot.folder import LINK, Entry

__all__ = ["RenameTracker", "renames"]

Moves = Iterable[tuple[str, str]]
"""(from, to) of renamed files or folders, in order. A folder's move includes everything below it."""

_HOPS = 100
"""A file that was moved more often than this within one batch is not tracked."""


class RenameTracker:
    """Deletions, creations and moves of one unreported batch.

    A rename is recognised even if two comparisons found its two halves.
    """

    __slots__ = ("_come", "_gone", "_moves", "_reported")

    def __init__(self) -> None:
        self._gone: dict[str, Entry] = {}
        self._come: dict[str, Entry] = {}
        self._moves: list[tuple[str, str]] = []
        self._reported: dict[str, str] = {}

    def note_moves(self, moves: Moves) -> None:
        """Add moves that the source reported."""
        self._moves.extend(moves)

    def add(self, found: Differences) -> dict[str, str]:
        """Add the result of a comparison; return new path → old path of renames recognised just now."""
        for path, entry in found.gone().items():
            if self._come.pop(path, None) is None:
                self._gone[path] = entry
        for path, kind, entry in found.there():
            was_there = self._gone.pop(path, None) is not None
            if path in self._come or (kind == "created" and not was_there):
                self._come[path] = entry
        if not self._gone or not self._come:
            return {}
        recognised = renames(self._gone, self._come, self._moves)
        news = {new: old for new, old in recognised.items() if self._reported.get(new) != old}
        self._reported = recognised
        return news


def renames(
    gone: Mapping[str, Entry], come: Mapping[str, Entry], moves: Sequence[tuple[str, str]] = ()
) -> dict[str, str]:
    """Return new path → old path of each file of `come` that is one of `gone`. Each old path is used at most once.

    Args:
        gone: path → last entry of deleted files.
        come: path → entry of created files.
        moves: moves that the source reported, in order.
    """
    old_paths, new_paths = _by_file(gone), _by_file(come)
    before = _Before(moves)
    found: dict[str, str] = {}
    for file, news in new_paths.items():
        olds = old_paths.get(file)
        if olds is not None:
            found.update(_matched(olds, news, gone, come, before))
    return {path: found[path] for path in come if path in found}


def _by_file(entries: Mapping[str, Entry]) -> dict[tuple[int, int], list[str]]:
    """Return file → its paths: several if it has hard links, or if links lead to it."""
    paths: dict[tuple[int, int], list[str]] = {}
    for path, entry in entries.items():
        paths.setdefault((entry[2], entry[3] & LINK), []).append(path)
    return paths


def _matched(
    olds: list[str], news: list[str], gone: Mapping[str, Entry], come: Mapping[str, Entry], before: _Before
) -> Iterator[tuple[str, str]]:
    """Yield (new, old) for paths of one inode: as reported by the source, else by name, else in order."""
    if len(olds) == len(news) == 1:
        old, new = olds[0], news[0]
        if gone[old][:2] == come[new][:2] or old in before.paths(new):
            yield new, old
        return
    left, rest = dict.fromkeys(olds), []
    for new in news:
        said = next((old for old in before.paths(new) if old in left), None)
        if said is None:
            rest.append(new)
        else:
            del left[said]
            yield new, said
    for key in (_content_and_name, _content):
        by_key: dict[object, list[str]] = defaultdict(list)
        for old in reversed(left):
            by_key[key(old, gone)].append(old)
        news, rest = rest, []
        for new in news:
            if same := by_key.get(key(new, come)):
                del left[same[-1]]
                yield new, same.pop()
            else:
                rest.append(new)


def _content_and_name(path: str, entries: Mapping[str, Entry]) -> object:
    return (*entries[path][:2], os.path.basename(path))


def _content(path: str, entries: Mapping[str, Entry]) -> object:
    return entries[path][:2]


class _Before:
    """Where files were before they were moved."""

    __slots__ = ("_from", "_moves", "_to")

    def __init__(self, moves: Sequence[tuple[str, str]]) -> None:
        self._moves = moves
        self._from: dict[str, list[int]] = {}
        self._to: dict[str, list[int]] = {}
        for number, (source, target) in enumerate(moves):
            self._from.setdefault(source, []).append(number)
            self._to.setdefault(target, []).append(number)

    def paths(self, path: str) -> Iterator[str]:
        """Yield where the file that is now at `path` was before each of its moves, the last first."""
        limit, at = len(self._moves), path
        for _ in range(_HOPS if limit else 0):
            came, target = self._last(self._to, at, limit)
            left, _ = self._last(self._from, at, limit)
            if came <= left:
                return  # never moved, or moved away later: this file was created here
            limit, at = came, self._moves[came][0] + at[len(target) :]
            yield at

    @staticmethod
    def _last(moves: Mapping[str, list[int]], path: str, limit: int) -> tuple[int, str]:
        """Return the last move before `limit` of `path` or an ancestor, and which of these; -1 if none."""
        last = (-1, "")
        for part in (path, *ancestors(path)):
            numbers = moves.get(part)
            if numbers is not None and (index := bisect_left(numbers, limit)) > 0:
                last = max(last, (numbers[index - 1], part))
        return last
