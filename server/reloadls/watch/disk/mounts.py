"""Which mounted file systems may hang: those that another program or machine serves."""

from __future__ import annotations

import os
import re
import select
import sys
import threading
from typing import NamedTuple

__all__ = ["Mount", "MountTable", "mounts_that_may_hang", "unescaped"]

_LIST = "/proc/self/mountinfo"
_OWN = frozenset(
    b"aufs bcachefs binfmt_misc bpf btrfs cgroup cgroup2 configfs cramfs debugfs devpts devtmpfs ecryptfs efivarfs"
    b" erofs exfat ext2 ext3 ext4 f2fs fusectl hfs hfsplus hugetlbfs iso9660 jffs2 jfs minix mqueue msdos nilfs2 nsfs"
    b" ntfs ntfs3 overlay proc pstore ramfs reiserfs rootfs rpc_pipefs securityfs selinuxfs squashfs sysfs tmpfs"
    b" tracefs ubifs udf vfat xfs zfs".split()
)
"""File system types that the kernel itself serves. Any other may be served by a program or a network."""
_OCTAL = re.compile(rb"\\([0-7]{3})")


class Mount(NamedTuple):
    """One mount. A later mount at the same place is a different one."""

    point: str
    number: bytes
    device: bytes


def mounts_that_may_hang(table: bytes) -> frozenset[Mount]:
    """Return the mounts that may hang, from a list in the format of proc_pid_mountinfo(5).

    The mount of ``/`` is left out: without it nothing works.
    """
    at_point: dict[bytes, Mount | None] = {}
    for line in table.splitlines():
        before, _, after = line.partition(b" - ")
        fields = before.split(b" ", 5)
        if len(fields) > 4:
            point, kind = fields[4], after.split(b" ", 1)[0]
            safe = kind in _OWN or point == b"/"
            at_point[point] = None if safe else Mount(os.fsdecode(unescaped(point)), fields[0], fields[2])
    return frozenset(mount for mount in at_point.values() if mount is not None)


def unescaped(point: bytes) -> bytes:
    """Return a mount point without escapes."""
    return _OCTAL.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), point) if b"\\" in point else point


class MountTable:
    """The mounts of this process that may hang, read again only when the kernel reports a change.

    Safe from any thread. All users of the process share one open file. After a fork the child calls `renew`.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._users = 0
        self._file = -1
        self._process = 0
        self._poll: select.poll | None = None
        self._mounts: frozenset[Mount] = frozenset()

    def renew(self) -> None:
        """Begin anew without users, in a child: another thread of the parent may have been in the middle of a call."""
        self._turn = threading.Lock()
        self._users = 0
        self._close()

    def open(self) -> None:
        """Add a user, who calls `close` in the end."""
        with self._turn:
            self._users += 1

    def close(self) -> None:
        """Remove a user; the last one closes the file."""
        with self._turn:
            self._users -= 1
            if self._users == 0:
                self._close()

    def mounts(self) -> frozenset[Mount]:
        """Return the mounts that may hang. While the list can't be read, return the last known ones."""
        if sys.platform != "linux":
            return frozenset()
        with self._turn:
            try:
                if self._changed():
                    self._mounts = mounts_that_may_hang(self._read())
            except OSError:
                self._close()
            if self._users == 0:  # the last user left while one of its threads was still reading
                self._close()
            return self._mounts

    def _changed(self) -> bool:
        """Return whether the list must be read, also because it is not open or belongs to the parent process."""
        if self._file >= 0 and self._process == os.getpid():
            return self._poll is None or bool(self._poll.poll(0))
        self._close()
        self._file, self._process = os.open(_LIST, os.O_RDONLY | os.O_CLOEXEC), os.getpid()
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLPRI | select.POLLERR)
        self._poll.poll(0)
        return True

    def _read(self) -> bytes:
        data = bytearray()
        os.lseek(self._file, 0, os.SEEK_SET)
        while chunk := os.read(self._file, 65536):
            data += chunk
        return bytes(data)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file, self._poll = -1, None
