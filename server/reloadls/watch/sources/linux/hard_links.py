"""Files that are watched themselves, since events of their folder do not report every write.

A folder reports what is done through its own names. A file with hard links, a single file that is mounted at its place,
and one that was linked into the folder while it was open (``O_TMPFILE``) are also written under names elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from reloadls.watch.sources.linux.calls import ATTRIB, CLOSE_WRITE, DELETE_SELF, MODIFY
from reloadls.watch.sources.linux.kernel import Watch

__all__ = ["FILE", "WatchedFiles"]

FILE: Final = MODIFY | ATTRIB | CLOSE_WRITE | DELETE_SELF
"""What is watched of a file."""


class WatchedFiles:
    """The watched files of one source, by folder. Safe from any thread: each call is one step.

    Args:
        remove: ends a watch.
    """

    def __init__(self, remove: Callable[[Watch], None]) -> None:
        self._remove = remove
        self._folders: dict[str, dict[str, Watch]] = {}

    def __bool__(self) -> bool:
        return bool(self._folders)

    def get(self, path: str) -> Watch | None:
        """The watch of the file at `path`."""
        at, name = os.path.split(path)
        folder = self._folders.get(at)
        return None if folder is None else folder.get(name)

    def put(self, path: str, watch: Watch) -> None:
        """`watch` is that of the file at `path`."""
        at, name = os.path.split(path)
        self._folders.setdefault(at, {})[name] = watch

    def drop(self, path: str) -> None:
        """The name `path` is no longer that of the file."""
        at, name = os.path.split(path)
        folder = self._folders.get(at)
        watch = None if folder is None else folder.pop(name, None)
        if watch is not None:
            self._remove(watch)

    def drop_folder(self, at: str) -> None:
        """The folder `at` is no longer there, or no longer counts."""
        for watch in self._folders.pop(at, {}).values():
            self._remove(watch)
