"""The three calls of Linux's inotify(7), and its flags.

Through ctypes: inotify-simple starts `ldconfig` as a child process to find the C library, asyncinotify makes a Path and
an object of every event; what is left of either for us would be these lines.
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
    "Calls",
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


class Calls:
    """The C library's inotify. Each call lets other threads run, and raises OSError as `os` does.

    Raises:
        OSError: this system has none.
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
        """A new instance's descriptor: not inherited, and reading never waits."""
        return _checked(self._init(os.O_NONBLOCK | os.O_CLOEXEC))

    def add(self, fd: int, path: str, mask: int) -> int:
        """Watch `path`; returns the number by which its events come: the same for the same inode."""
        return _checked(self._add(fd, os.fsencode(path), mask), path)

    def remove(self, fd: int, number: int) -> None:
        """Watch it no more. That it is gone already is no error."""
        self._remove(fd, number)


def _checked(result: int, path: str | None = None) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result


def watch_limit() -> int | None:
    """How many folders this user may watch, as the kernel says; None if it does not."""
    try:
        with open("/proc/sys/fs/inotify/max_user_watches", "rb") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None
