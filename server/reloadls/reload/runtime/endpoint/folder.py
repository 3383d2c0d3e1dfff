"""The folders of adverts and sockets, which only this user may access."""

from __future__ import annotations

import os
import stat
import tempfile

from reloadls.base.folders import make_private, runtime_folder

__all__ = ["UnsafeFolder", "private_folder", "socket_folder", "targets_folder"]

_LONGEST_SOCKET = 107
"""The longest socket path, in bytes, without the final NUL."""


class UnsafeFolder(Exception):
    """A folder is accessible to other users, or belongs to one.

    Attributes:
        path: the folder.
        reason: what is wrong.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def targets_folder() -> str:
    """Return the folder of the advert files, creating it if it is missing.

    Raises:
        UnsafeFolder: it belongs to another user, or others can access it.
        OSError: it can't be created.
    """
    return private_folder(private_folder(runtime_folder()), "targets")


def socket_folder(folder: str, name: str) -> str:
    """Return `folder`, or a shorter private folder if the path of a socket called `name` would be too long there.

    Raises:
        UnsafeFolder: it belongs to another user, or others can access it.
        OSError: it can't be created.
    """
    if len(os.fsencode(os.path.join(folder, name))) <= _LONGEST_SOCKET:
        return folder
    return private_folder(tempfile.gettempdir(), f"reloadls-{os.geteuid()}")


def private_folder(*parts: str) -> str:
    """Return the folder at the joined path, created if missing, after checking that only this user can access it.

    Raises:
        UnsafeFolder: others can access it, or it is not a folder.
        OSError: it can't be created.
    """
    path = os.path.join(*parts)
    make_private(path)
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        raise UnsafeFolder(path, "not a folder")
    if status.st_uid != os.geteuid():
        raise UnsafeFolder(path, f"owned by user {status.st_uid}, not {os.geteuid()}")
    if status.st_mode & 0o077:
        raise UnsafeFolder(path, f"accessible to other users (mode {stat.S_IMODE(status.st_mode):04o}); run chmod 700")
    return path
