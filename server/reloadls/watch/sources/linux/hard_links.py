"""Which files are watched themselves, because events of their folder do not include every write.

A folder reports changes made through its own names. Some files can also be written through other names: a file with
hard links, a file that is a mount point, and a file that was linked into the folder while open (``O_TMPFILE``).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from reloadls.watch.sources.linux.calls import ATTRIB, CLOSE_WRITE, DELETE_SELF, MODIFY
from reloadls.watch.sources.linux.kernel import Watch

__all__ = ["FILE", "WatchedFiles"]

FILE: Final = MODIFY | ATTRIB | CLOSE_WRITE | DELETE_SELF
"""Events that are watched for a file."""


class WatchedFiles:
    """The watched files of one source, by folder. Safe from any thread: each call is one step.

    Args:
        remove: removes a watch.
    """

    def __init__(self, remove: Callable[[Watch], None]) -> None:
        self._remove = remove
        self._folders: dict[str, dict[str, Watch]] = {}

    def __bool__(self) -> bool:
        return bool(self._folders)

    def get(self, path: str) -> Watch | None:
        """Return the watch of the file at `path`."""
        at, name = os.path.split(path)
        folder = self._folders.get(at)
        return None if folder is None else folder.get(name)

    def put(self, path: str, watch: Watch) -> None:
        """Set the watch of the file at `path`."""
        at, name = os.path.split(path)
        self._folders.setdefault(at, {})[name] = watch

    def drop(self, path: str) -> None:
        """Remove the watch of `path`, which is a different file now, or missing."""
        at, name = os.path.split(path)
        folder = self._folders.get(at)
        watch = None if folder is None else folder.pop(name, None)
        if watch is not None:
            self._remove(watch)

    def drop_folder(self, at: str) -> None:
        """Remove the watches of the folder `at`, which is missing or out of scope."""
        for watch in self._folders.pop(at, {}).values():
            self._remove(watch)
