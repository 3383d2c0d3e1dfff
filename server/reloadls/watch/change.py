"""What a change is, and how several of one path become one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["ChangeType", "FileChange", "collapse_changes", "net_changes"]

ChangeType = Literal["created", "modified", "deleted"]


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file's change.

    Attributes:
        path: the file, absolute, as it is reached from the root it was found under.
        change_type: ``"created"``, ``"modified"`` or ``"deleted"``.
    """

    path: Path
    change_type: ChangeType


def collapse_changes(changes: Iterable[FileChange]) -> list[FileChange]:
    """Merge changes that nobody has seen yet into one per path, in first-seen order.

    Gone at the end is ``deleted``; not there before is ``created``; all else is ``modified``. The changes are
    taken as *events*: a path created and then deleted is told as ``deleted``, since an event may have been
    missed before it. Where each change is known to be exact, use `net_changes`.
    """
    return [FileChange(path, _merged(first, last)) for path, first, last in _ends(changes)]


def net_changes(changes: Iterable[FileChange]) -> list[FileChange]:
    """Merge exact differences into one per path: like `collapse_changes`, but a path that came and went is left out."""
    return [
        FileChange(path, _merged(first, last))
        for path, first, last in _ends(changes)
        if not (first == "created" and last == "deleted")
    ]


def _merged(first: ChangeType, last: ChangeType) -> ChangeType:
    if last == "deleted":
        return "deleted"
    return "created" if first == "created" else "modified"


def _ends(changes: Iterable[FileChange]) -> Iterator[tuple[Path, ChangeType, ChangeType]]:
    ends: dict[Path, tuple[ChangeType, ChangeType]] = {}
    for change in changes:
        first, _ = ends.get(change.path, (change.change_type, change.change_type))
        ends[change.path] = (first, change.change_type)
    return ((path, first, last) for path, (first, last) in ends.items())
