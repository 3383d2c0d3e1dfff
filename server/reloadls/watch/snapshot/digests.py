"""Digests of small files: they distinguish a `chmod` from a write where only stamps are known."""

from __future__ import annotations

import os
from functools import partial

from reloadls.watch.disk.guarded import GuardedDisk, TimedOut
from reloadls.watch.snapshot.folder import LINK, Entry, Folder

__all__ = ["Digests"]

_LARGEST = 64 * 1024
"""Bytes; larger files are not read."""
_MOST = 20_000
"""How many digests are kept: reading that many files takes a quarter of a second."""


class Digests:
    """Keeps digests in the folders of one snapshot.

    A folder that is watched natively has none: the system's events distinguish writes from metadata changes.

    Args:
        disk: access to the disk.
    """

    def __init__(self, disk: GuardedDisk) -> None:
        self._disk = disk
        self._kept = 0

    def note(self, path: str, folder: Folder, name: str, entry: Entry) -> None:
        """Store the digest of the file `name` in `folder`, which has `entry`."""
        digest = self._digest(path, entry) if folder.watch is None and self._has_room(folder, name) else None
        if digest is None:
            self.forget(folder, name)
            return
        if folder.digests is None:
            folder.digests = {}
        self._kept += name not in folder.digests
        folder.digests[name] = digest

    def forget(self, folder: Folder, name: str) -> None:
        """Remove the digest of `name`."""
        if folder.digests is not None and folder.digests.pop(name, None) is not None:
            self._kept -= 1

    def forget_all(self, folder: Folder) -> None:
        """Remove all digests of `folder`."""
        self._kept -= len(folder.digests or ())
        folder.digests = None

    def changed(self, path: str, folder: Folder, name: str, entry: Entry, *, otherwise: bool) -> bool:
        """Return whether the file's content differs from its digest; `otherwise` if there is none."""
        known = None if folder.digests is None else folder.digests.get(name)
        return otherwise if known is None else self._digest(path, entry) != known

    def _digest(self, path: str, entry: Entry) -> int | None:
        if entry[1] > _LARGEST:
            return None
        try:
            if entry[3] & LINK:
                return self._disk.follow(path, partial(_digest, entry=entry))
            return self._disk.call(path, _digest, path, entry)
        except TimedOut:
            return None

    def _has_room(self, folder: Folder, name: str) -> bool:
        return self._kept < _MOST or (folder.digests is not None and name in folder.digests)


def _digest(path: str, entry: Entry) -> int | None:
    """Return a digest of the file; None if it can't be read or no longer matches `entry`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK if os.name == "posix" else os.O_RDONLY)
    except (OSError, ValueError):
        return None
    try:
        content = os.read(descriptor, _LARGEST + 1)
        after = os.fstat(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    unchanged = (after.st_mtime_ns, after.st_size) == entry[:2] and len(content) == entry[1]
    return hash(content) if unchanged and (not entry[4] or after.st_ctime_ns == entry[4]) else None
