"""The net difference per path, collected while folders are compared with the disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from reloadls.watch.change import ChangeType, FileChange
from reloadls.watch.snapshot.folder import Entry

__all__ = ["Differences"]


class Differences:
    """Path → its net change and current entry. A path that came and went is left out."""

    __slots__ = ("_changes", "_gone")

    def __init__(self) -> None:
        self._changes: dict[str, tuple[ChangeType, Entry | None]] = {}
        self._gone: dict[str, Entry] = {}

    def created(self, path: str, entry: Entry) -> None:
        """Note that `path` is new since the last comparison."""
        before = self._changes.get(path)
        self._changes[path] = ("created" if before is None or before[0] == "created" else "modified", entry)
        self._gone.pop(path, None)

    def modified(self, path: str, entry: Entry) -> None:
        """Note that `path` has changed."""
        before = self._changes.get(path)
        self._changes[path] = (
            "created" if before is not None and before[0] == "created" else "modified",
            entry,
        )

    def deleted(self, path: str, entry: Entry) -> None:
        """Note that `path` was deleted; it was `entry`."""
        before = self._changes.get(path)
        if before is not None and before[0] == "created":
            del self._changes[path]
        else:
            self._changes[path] = ("deleted", None)
            self._gone[path] = entry

    @property
    def other_than_modified(self) -> bool:
        """Whether a path was created or deleted."""
        return any(kind != "modified" for kind, _ in self._changes.values())

    def changes(self, renamed: Mapping[str, str] | None = None) -> list[FileChange]:
        """Return one change per path, in the order in which they were noticed.

        Args:
            renamed: new path → old path of files known to be renamed.
        """
        renamed = renamed or {}
        return [
            FileChange(Path(path), kind, Path(renamed[path]) if path in renamed else None)
            for path, (kind, _) in self._changes.items()
        ]

    def entries(self) -> dict[str, Entry | None]:
        """Return path → current entry, None if deleted."""
        return {path: entry for path, (_, entry) in self._changes.items()}

    def gone(self) -> Mapping[str, Entry]:
        """Return each deleted path → its last entry."""
        return self._gone

    def there(self) -> Iterable[tuple[str, ChangeType, Entry]]:
        """Return each existing path, its change and its entry."""
        return ((path, kind, entry) for path, (kind, entry) in self._changes.items() if entry is not None)
