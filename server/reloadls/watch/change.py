"""What a change is, and how several changes of one path are merged."""

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
        path: the file, absolute, as reached from the root under which it was found.
        change_type: ``"created"``, ``"modified"`` or ``"deleted"``.
        renamed_from: the old path, if a created file is known to be a renamed one. The old path's own change is
            ``"deleted"``.
    """

    path: Path
    change_type: ChangeType
    renamed_from: Path | None = None


def collapse_changes(changes: Iterable[FileChange]) -> list[FileChange]:
    """Merge unreported changes into one per path, in first-seen order.

    A path that is missing at the end is ``deleted``; one that did not exist before is ``created``; any other is
    ``modified``. The changes are treated as *events*: a path that was created and then deleted is reported as
    ``deleted``, since an earlier event may have been missed. For exact differences, use `net_changes`.

    Consecutive renames become one. If the old path exists again at the end, the file is only ``created``.
    """
    return list(_merged(_ends(changes), drop_passing=False))


def net_changes(changes: Iterable[FileChange]) -> list[FileChange]:
    """Merge exact differences into one per path, like `collapse_changes`, but drop a path that came and went."""
    return list(_merged(_ends(changes), drop_passing=True))


_Ends = tuple[ChangeType, ChangeType, Path | None]
"""A path's first and last change, and the path of its file before all changes; None if the file is new."""


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
    """Return the path, before all changes, of the file that was last at `path`."""
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
    """Return whether `path` is known to exist at the end."""
    known = ends.get(path)
    return known is not None and known[1] != "deleted"
