"""The three system calls of Linux's inotify(7), and its flags.

Called through ctypes: inotify-simple starts `ldconfig` as a child process to find the C library, and asyncinotify
creates a Path and an object for every event. The parts of either that are needed here would be these lines.
"""

from __future__ import annotations

import ctypes
import os

__all__ = [
    "ATTRIB",
    "CLOSE_WRITE",
    "CREATE",
    "DELETE",
    "DELETE_SELF",
    "DONT_FOLLOW",
    "EXCL_UNLINK",
    "IGNORED",
    "ISDIR",
    "MASK_ADD",
    "MODIFY",
    "MOVED_FROM",
    "MOVED_TO",
    "MOVE_SELF",
    "ONLYDIR",
    "Q_OVERFLOW",
    "UNMOUNT",
    "InotifyCalls",
    "watch_limit",
]

MODIFY = 0x2
ATTRIB = 0x4
CLOSE_WRITE = 0x8
MOVED_FROM = 0x40
MOVED_TO = 0x80
CREATE = 0x100
DELETE = 0x200
DELETE_SELF = 0x400
MOVE_SELF = 0x800
UNMOUNT = 0x2000
Q_OVERFLOW = 0x4000
IGNORED = 0x8000
ONLYDIR = 0x0100_0000
DONT_FOLLOW = 0x0200_0000
EXCL_UNLINK = 0x0400_0000
MASK_ADD = 0x2000_0000
ISDIR = 0x4000_0000


class InotifyCalls:
    """The C library's inotify functions. They release the GIL, and raise OSError like functions of `os`.

    Raises:
        OSError: this system has no inotify.
    """

    def __init__(self) -> None:
        try:
            library = ctypes.CDLL(None, use_errno=True)
            self._init, self._add, self._remove = (
                library.inotify_init1,
                library.inotify_add_watch,
                library.inotify_rm_watch,
            )
        except (AttributeError, TypeError) as error:
            raise OSError(f"this system has no inotify: {error}") from None
        self._add.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32]

    def open(self) -> int:
        """Return the descriptor of a new instance: non-blocking and not inherited."""
        return _checked(self._init(os.O_NONBLOCK | os.O_CLOEXEC))

    def add(self, fd: int, path: str, mask: int) -> int:
        """Watch `path`; return the watch descriptor, which is the same for the same inode."""
        return _checked(self._add(fd, os.fsencode(path), mask), path)

    def remove(self, fd: int, number: int) -> None:
        """Remove a watch. A watch that is already gone is no error."""
        self._remove(fd, number)


def _checked(result: int, path: str | None = None) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result


def watch_limit() -> int | None:
    """Return how many folders this user may watch; None if unknown."""
    try:
        with open("/proc/sys/fs/inotify/max_user_watches", "rb") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None
