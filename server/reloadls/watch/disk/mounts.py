"""Which mounted file systems may stop answering: those that another program or machine serves."""

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
"""Types that the kernel serves from its own disks and memory. Any other may be served by a program, or a network."""
_OCTAL = re.compile(rb"\\([0-7]{3})")


class Mount(NamedTuple):
    """One mount; another one at the same place differs."""

    point: str
    number: bytes
    device: bytes


def mounts_that_may_hang(table: bytes) -> frozenset[Mount]:
    """Those of a list of mounts, whose format is in proc_pid_mountinfo(5).

    The mount of ``/`` is not among them: nothing works without it.
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
    """A mount point as the file system has it."""
    return _OCTAL.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), point) if b"\\" in point else point


class MountTable:
    """The mounts of this process that may hang, read again only when the kernel says that they have changed.

    Safe from any thread. All users of the process share one open file.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._users = 0
        self._file = -1
        self._process = 0
        self._poll: select.poll | None = None
        self._mounts: frozenset[Mount] = frozenset()

    def open(self) -> None:
        """One more user, who calls `close` in the end."""
        with self._turn:
            self._users += 1

    def close(self) -> None:
        """One user less; the last one closes the file."""
        with self._turn:
            self._users -= 1
            if self._users == 0:
                self._close()

    def mounts(self) -> frozenset[Mount]:
        """Those that may hang now. While the list can't be read, those that were known last."""
        if sys.platform != "linux":
            return frozenset()
        with self._turn:
            try:
                if self._changed():
                    self._mounts = mounts_that_may_hang(self._read())
            except OSError:
                self._close()
            if self._users == 0:  # its last user has gone, while a thread of it was still reading
                self._close()
            return self._mounts

    def _changed(self) -> bool:
        """Whether the list must be read, also because it was not open yet, or belongs to the process's parent."""
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
