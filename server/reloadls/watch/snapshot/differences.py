"""The net difference per path, gathered while folders are compared with the disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from reloadls.watch.change import ChangeType, FileChange
from reloadls.watch.snapshot.folder import Entry

__all__ = ["Differences"]


class Differences:
    """path → its net change so far, and what is there now. A path that came and went is not in it."""

    __slots__ = ("_changes", "_gone")

    def __init__(self) -> None:
        self._changes: dict[str, tuple[ChangeType, Entry | None]] = {}
        self._gone: dict[str, Entry] = {}

    def created(self, path: str, entry: Entry) -> None:
        """`path` was not there when it was last looked at, and is now."""
        before = self._changes.get(path)
        self._changes[path] = ("created" if before is None or before[0] == "created" else "modified", entry)
        self._gone.pop(path, None)

    def modified(self, path: str, entry: Entry) -> None:
        """`path` is there, but is not what it was."""
        before = self._changes.get(path)
        self._changes[path] = (
            "created" if before is not None and before[0] == "created" else "modified",
            entry,
        )

    def deleted(self, path: str, entry: Entry) -> None:
        """`path` was there, as `entry`, and is gone."""
        before = self._changes.get(path)
        if before is not None and before[0] == "created":
            del self._changes[path]
        else:
            self._changes[path] = ("deleted", None)
            self._gone[path] = entry

    @property
    def other_than_modified(self) -> bool:
        """Whether a path has come or gone."""
        return any(kind != "modified" for kind, _ in self._changes.values())

    def changes(self, renamed: Mapping[str, str] | None = None) -> list[FileChange]:
        """One change per path, in the order in which they were first noticed; `renamed` is new path → old path."""
        renamed = renamed or {}
        return [
            FileChange(Path(path), kind, Path(renamed[path]) if path in renamed else None)
            for path, (kind, _) in self._changes.items()
        ]

    def entries(self) -> dict[str, Entry | None]:
        """path → what is there now, None for gone."""
        return {path: entry for path, (_, entry) in self._changes.items()}

    def gone(self) -> Mapping[str, Entry]:
        """Each deleted path → what was there."""
        return self._gone

    def there(self) -> Iterable[tuple[str, ChangeType, Entry]]:
        """Each path that is there now, its change, and what is there."""
        return ((path, kind, entry) for path, (kind, entry) in self._changes.items() if entry is not None)
