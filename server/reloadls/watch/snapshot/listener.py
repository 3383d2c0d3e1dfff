"""Listener for folders that the snapshot enters: a source that watches them one by one."""

from __future__ import annotations

from typing import Protocol

from reloadls.watch.snapshot.folder import Folder

__all__ = ["NO_LISTENER", "FolderListener"]


class FolderListener(Protocol):
    """Notified of every folder. Called on the disk thread."""

    def enter(self, path: str, folder: Folder) -> None:
        """Called before `folder`, at `path`, is listed: later changes in it must give a hint."""

    def leave(self, path: str, folder: Folder) -> None:
        """Called when `folder` was deleted or left the scope."""

    def enter_file(self, path: str) -> bool:
        """Watch the file at `path` itself: it may be written through another name.

        Returns:
            Whether it was not watched before, so that it must be read again.
        """


class _NoListener:
    def enter(self, path: str, folder: Folder) -> None:
        pass

    def leave(self, path: str, folder: Folder) -> None:
        pass

    def enter_file(self, path: str) -> bool:
        return False


NO_LISTENER: FolderListener = _NoListener()
