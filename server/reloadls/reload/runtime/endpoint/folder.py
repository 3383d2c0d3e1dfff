"""Where running programs say that they can be reached: a folder that only this user can enter."""

from __future__ import annotations

import os
import stat
import tempfile

from reloadls.base.folders import make_private, runtime_folder

__all__ = ["UnsafeFolder", "private_folder", "socket_folder", "targets_folder"]

_LONGEST_SOCKET = 107
"""How many bytes the path of a socket may have, its final zero left out."""


class UnsafeFolder(Exception):
    """Somebody else has, or could get at, a folder of ours.

    Attributes:
        path: the folder.
        reason: what is wrong with it.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def targets_folder() -> str:
    """The folder of the programs' files, made if it is missing.

    Raises:
        Unsafe: it is somebody else's.
        OSError: it can't be made.
    """
    return private_folder(private_folder(runtime_folder()), "targets")


def socket_folder(folder: str, name: str) -> str:
    """`folder`, or a shorter one for the user alone where a socket called `name` would have too long a path there.

    Raises:
        Unsafe: it is somebody else's.
        OSError: it can't be made.
    """
    if len(os.fsencode(os.path.join(folder, name))) <= _LONGEST_SOCKET:
        return folder
    return private_folder(tempfile.gettempdir(), f"reloadls-{os.geteuid()}")


def private_folder(*parts: str) -> str:
    """The folder at the path that `parts` make, made if it is missing, once it is sure that only its owner can enter.

    Raises:
        Unsafe: others can, or it is no folder.
        OSError: it can't be made.
    """
    path = os.path.join(*parts)
    make_private(path)
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        raise UnsafeFolder(path, "it is no folder")
    if status.st_uid != os.geteuid():
        raise UnsafeFolder(path, f"it belongs to user {status.st_uid}, not to {os.geteuid()}")
    if status.st_mode & 0o077:
        raise UnsafeFolder(path, f"others can enter it (mode {stat.S_IMODE(status.st_mode):04o}); try chmod 700")
    return path
