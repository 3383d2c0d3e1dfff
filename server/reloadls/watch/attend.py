"""Who wants to know which folders the snapshot holds: a source that watches them one by one."""

from __future__ import annotations

from typing import Protocol

from reloadls.watch.folder import Folder

__all__ = ["NOBODY", "Attend"]


class Attend(Protocol):
    """Is told of every folder. Called where the snapshot lives, on the disk thread."""

    def enter(self, path: str, folder: Folder) -> None:
        """`folder`, at `path`, is about to be listed: what changes in it from now on must give a hint."""

    def leave(self, path: str, folder: Folder) -> None:
        """`folder` is no longer there, or no longer counts."""


class _Nobody:
    def enter(self, path: str, folder: Folder) -> None:
        pass

    def leave(self, path: str, folder: Folder) -> None:
        pass


NOBODY: Attend = _Nobody()
