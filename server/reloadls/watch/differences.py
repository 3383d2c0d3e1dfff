"""The net difference per path, gathered while folders are compared with the disk."""

from __future__ import annotations

from pathlib import Path

from reloadls.watch.change import ChangeType, FileChange
from reloadls.watch.folder import Entry

__all__ = ["Differences"]


class Differences:
    """path → its net change so far, and what is there now. A path that came and went is not in it."""

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes: dict[str, tuple[ChangeType, Entry | None]] = {}

    def created(self, path: str, entry: Entry) -> None:
        """`path` was not there when it was last looked at, and is now."""
        before = self._changes.get(path)
        self._changes[path] = ("created" if before is None or before[0] == "created" else "modified", entry)

    def modified(self, path: str, entry: Entry) -> None:
        """`path` is there, but is not what it was."""
        before = self._changes.get(path)
        self._changes[path] = (
            "created" if before is not None and before[0] == "created" else "modified",
            entry,
        )

    def deleted(self, path: str) -> None:
        """`path` was there and is gone."""
        before = self._changes.get(path)
        if before is not None and before[0] == "created":
            del self._changes[path]
        else:
            self._changes[path] = ("deleted", None)

    def changes(self) -> list[FileChange]:
        """One change per path, in the order in which they were first noticed."""
        return [FileChange(Path(path), change_type) for path, (change_type, _) in self._changes.items()]

    def entries(self) -> dict[str, Entry | None]:
        """path → what is there now, None for gone."""
        return {path: entry for path, (_, entry) in self._changes.items()}
