"""Read files that are files: opening a FIFO waits for a writer, and reading a device may never end."""

from __future__ import annotations

import os
import stat

__all__ = ["is_special", "read_file"]

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_file(path: str, most: int = -1) -> bytes:
    """Return what is in a file.

    Args:
        path: the file.
        most: how many bytes to read at most; -1 for all.

    Raises:
        OSError: it can't be read, or is not a regular file.
    """
    descriptor = os.open(path, _FLAGS)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(None, "not a regular file", path)
        return file.read(most)


def is_special(path: str) -> bool:
    """Return whether a path leads to something else than a file or folder: a FIFO, a socket, a device."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
