"""One number that all members of a group see at once: the version that was committed last.

It is in memory that they share, so a commit is one store: no member can answer with the new version while another one
still answers with the old.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os

__all__ = ["CommitFlag"]

_SIZE = ctypes.sizeof(ctypes.c_uint64)


class CommitFlag:
    """The flag of one group.

    Args:
        path: its file.

    Raises:
        OSError: it can't be made.
    """

    def __init__(self, path: str) -> None:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            os.fchmod(fd, 0o600)
            if os.fstat(fd).st_size < _SIZE:
                os.ftruncate(fd, _SIZE)
            self._memory = mmap.mmap(fd, _SIZE)
        finally:
            os.close(fd)
        self._number: ctypes.c_uint64 | None = ctypes.c_uint64.from_buffer(self._memory)

    @property
    def version(self) -> int:
        """The version that was committed last; 0 after `close`."""
        return 0 if self._number is None else self._number.value

    @version.setter
    def version(self, version: int) -> None:
        if self._number is not None:
            self._number.value = version

    def close(self) -> None:
        """Release the memory."""
        self._number = None
        with contextlib.suppress(BufferError):
            self._memory.close()
