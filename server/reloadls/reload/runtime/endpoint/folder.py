"""The folders of adverts and sockets, which only this user may access."""

from __future__ import annotations

import os
import tempfile

from reloadls.base.folders import private_folder, runtime_folder

__all__ = ["socket_folder", "targets_folder"]

_LONGEST_SOCKET = 107
"""The longest socket path, in bytes, without the final NUL."""


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
