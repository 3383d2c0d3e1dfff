"""Whether a write to a file always changes its mtime, and whether inode numbers are stable.

Linux stamps files with a clock that advances once per tick, 1 to 10 ms. Since 6.13 a file whose stamps were queried
gets a finer one with its next change, if the file system supports it (``FS_MGTIME``):
https://docs.kernel.org/filesystems/multigrain-ts.html

The start of a write is stamped. So a look during a write in place sees its stamp before all of its bytes. Subscribers
read the file a moment later, when all but the largest writes have ended. A write through a memory map gives no event.
It is stamped only if the kernel has written the page back since the last one (never on tmpfs).
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator

__all__ = ["exact", "keeps_inodes"]

_SINCE = (6, 13)
_FILE_SYSTEMS = frozenset({b"btrfs", b"ext4", b"tmpfs", b"xfs"})
"""All file systems that set ``FS_MGTIME`` in 6.13."""
_RENUMBERING = (b"fuse", b"cifs", b"smb3", b"9p", b"vfat", b"msdos", b"exfat", b"afs")
"""Prefixes of file system types that may change the inode number of an unchanged file."""
_MOUNTS = "/proc/self/mountinfo"
_KEPT_S = 1.0
"""How long, in seconds, the list of mounts is cached: a device number is used again after an unmount."""


def exact(device: int) -> bool:
    """Return whether each write to a file on `device` (``st_dev``) after a look at it changes its mtime.

    False if that is unknown: network and overlay file systems, older kernels, other systems. Also False for btrfs as a
    rule, whose subvolumes have device numbers that the list of mounts does not contain. If an mtime has no fraction of
    a second, as on ext4 with small inodes, the result does not apply.
    """
    return device in _devices.exact()


def keeps_inodes(device: int) -> bool:
    """Return whether a file on `device` (``st_dev``) keeps its inode number as long as it exists.

    True for unknown file systems, as POSIX requires.
    """
    return device not in _devices.renumbering()


class _Devices:
    """The devices with such file systems, cached for a short time. Safe from any thread."""

    def __init__(self) -> None:
        self._exact: frozenset[int] = frozenset()
        self._renumbering: frozenset[int] = frozenset()
        self._until = 0.0

    def exact(self) -> frozenset[int]:
        self._look()
        return self._exact

    def renumbering(self) -> frozenset[int]:
        self._look()
        return self._renumbering

    def _look(self) -> None:
        now = time.monotonic()
        if now >= self._until:
            mounts = _mounts() if sys.platform == "linux" else b""
            self._exact = _exact_devices(mounts)
            self._renumbering = _renumbering_devices(mounts)
            self._until = now + _KEPT_S


_devices = _Devices()


def _mounts() -> bytes:
    try:
        with open(_MOUNTS, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _exact_devices(mounts: bytes) -> frozenset[int]:
    if sys.platform != "linux":
        return frozenset()
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    if release is None or (int(release[1]), int(release[2])) < _SINCE:
        return frozenset()
    return _devices_of(mounts)


def _renumbering_devices(mounts: bytes) -> frozenset[int]:
    return frozenset(device for device, kind in _types_of(mounts) if kind.startswith(_RENUMBERING))


def _devices_of(mounts: bytes) -> frozenset[int]:
    """Return the devices in a list of mounts on which every file system is exact."""
    found: set[int] = set()
    other: set[int] = set()
    for device, kind in _types_of(mounts):
        (found if kind in _FILE_SYSTEMS else other).add(device)
    return frozenset(found - other)


def _types_of(mounts: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (device, file system type) of each mount in a list in the format of proc_pid_mountinfo(5)."""
    for line in mounts.splitlines():
        before, _, after = line.partition(b" - ")
        fields = before.split(b" ", 3)
        number = re.fullmatch(rb"(\d{1,9}):(\d{1,9})", fields[2]) if len(fields) > 2 else None
        if number is not None:
            yield os.makedev(int(number[1]), int(number[2])), after.split(b" ", 1)[0]
