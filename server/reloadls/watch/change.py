"""What a change is, and how several of one path become one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reloadls.base.choices import ChangeType

__all__ = ["ChangeType", "FileChange", "collapse_changes", "net_changes"]


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file's change.

    Attributes:
        path: the file, absolute, as it is reached from the root it was found under.
        change_type: ``"created"``, ``"modified"`` or ``"deleted"``.
        renamed_from: of a created file that is known to be a renamed one, the old path, whose own change is
            ``"deleted"``.
    """

    path: Path
    change_type: ChangeType
    renamed_from: Path | None = None


def collapse_changes(changes: Iterable[FileChange]) -> list[FileChange]:
    """Merge changes that nobody has seen yet into one per path, in first-seen order.

    Gone at the end is ``deleted``; not there before is ``created``; all else is ``modified``. The changes are
    taken as *events*: a path created and then deleted is told as ``deleted``, since an event may have been
    missed before it. Where each change is known to be exact, use `net_changes`.

    Renames one after the other become one. A file whose old path is there again at the end is merely created.
    """
    return list(_merged(_ends(changes), drop_passing=False))


def net_changes(changes: Iterable[FileChange]) -> list[FileChange]:
    """Merge exact differences into one per path: like `collapse_changes`, but a path that came and went is left out."""
    return list(_merged(_ends(changes), drop_passing=True))


_Ends = tuple[ChangeType, ChangeType, Path | None]
"""A path's first and last change, and where the file that is or was there last lay before them all; None: nowhere."""


def _ends(changes: Iterable[FileChange]) -> dict[Path, _Ends]:
    ends: dict[Path, _Ends] = {}
    for change in changes:
        path, kind = change.path, change.change_type
        before = ends.get(path)
        if kind == "created":
            origin = None if change.renamed_from is None else _origin(change.renamed_from, ends)
        elif before is None:
            origin = path
        else:
            origin = None if kind == "modified" and before[1] == "deleted" else before[2]
        ends[path] = (kind if before is None else before[0], kind, origin)
    return ends


def _origin(path: Path, ends: dict[Path, _Ends]) -> Path | None:
    """Where the file that was last at `path` lay before all changes."""
    known = ends.get(path)
    return path if known is None else known[2]


def _merged(ends: dict[Path, _Ends], *, drop_passing: bool) -> Iterator[FileChange]:
    given: set[Path] = set()
    for path, (first, last, origin) in ends.items():
        if last == "deleted":
            if first != "created" or not drop_passing:
                yield FileChange(path, "deleted")
        elif first != "created":
            yield FileChange(path, "modified")
        elif origin is None or origin in given or _is_there(origin, ends):
            yield FileChange(path, "created")
        else:
            given.add(origin)
            yield FileChange(path, "created", origin)


def _is_there(path: Path, ends: dict[Path, _Ends]) -> bool:
    """Whether `path` is known to be there in the end."""
    known = ends.get(path)
    return known is not None and known[1] != "deleted"
