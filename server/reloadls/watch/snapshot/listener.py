"""Who wants to know which folders the snapshot holds: a source that watches them one by one."""

from __future__ import annotations

from typing import Protocol

from reloadls.watch.snapshot.folder import Folder

__all__ = ["NO_LISTENER", "FolderListener"]


class FolderListener(Protocol):
    """Is told of every folder. Called where the snapshot lives, on the disk thread."""

    def enter(self, path: str, folder: Folder) -> None:
        """`folder`, at `path`, is about to be listed: what changes in it from now on must give a hint."""

    def leave(self, path: str, folder: Folder) -> None:
        """`folder` is no longer there, or no longer counts."""

    def enter_file(self, path: str) -> bool:
        """The file at `path` may be written through another name: watch the file itself.

        Returns:
            Whether it was not watched before, so that it must be looked at again.
        """


class _NoListener:
    def enter(self, path: str, folder: Folder) -> None:
        pass

    def leave(self, path: str, folder: Folder) -> None:
        pass

    def enter_file(self, path: str) -> bool:
        return False


NO_LISTENER: FolderListener = _NoListener()
