"""What the snapshot stores for one folder and one file."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from reloadls.watch.disk.timestamps import exact, keeps_inodes
from reloadls.watch.scope.patterns import Patterns
from reloadls.watch.scope.scope import Rules
from reloadls.watch.snapshot.files import Entry, Files

__all__ = ["LINK", "RACY", "TOUCHED", "Entry", "Folder", "differs", "entry_of", "is_touched"]

LINK = 1
"""Flag: reached through a link."""
RACY = 2
"""Flag: modified so shortly before the look that a later write may have left the same mtime (as in git's index).

Not set where the kernel prevents this (`timestamps.exact`).
"""

TOUCHED = 4
"""Flag: its metadata changed after its content (`chmod`, a new hard link)."""


def _clock_tick() -> int:
    """Return by how many ns file stamps may lag behind the clock (CLOCK_REALTIME_COARSE on Linux)."""
    try:
        return int(time.clock_getres(5) * 1e9) if sys.platform == "linux" else 10_000_000
    except OSError:
        return 10_000_000


_TICK = _clock_tick()
_COARSE_TICK = 2_000_000_000
"""The tick of FAT, assumed where an mtime has no fraction of a second."""
_LARGE = 1 << 20
"""Bytes from which on one write may take so long that a look falls into it; only its start is stamped."""
_LONG_WRITE = 2_000_000_000
"""How long, in ns, such a write may take: as long as the longest tick."""


class Folder:
    """One folder as last reported: its files, its folders, and the rules that selected them."""

    __slots__ = ("digests", "files", "folders", "gitignore", "links", "rules", "watch")

    def __init__(self) -> None:
        self.files = Files()
        self.folders: dict[str, Folder] = {}
        self.links: frozenset[str] = frozenset()
        """Names of the known links, whether they lead to a file or nowhere."""
        self.rules: Rules | None = None
        """The rules for its entries, including its own .gitignore; None until it is first read."""
        self.gitignore: tuple[Entry, Patterns] | None = None
        self.watch: Any = None
        """The source's data for this folder; None if its files are known by their stamps alone."""
        self.digests: dict[str, int] | None = None
        """File → digest of its content (see `Digests`)."""

    def has(self, name: str) -> bool:
        """Return whether a file, folder or link of that name is known."""
        return name in self.files or name in self.folders or name in self.links

    def names(self) -> set[str]:
        """Return all known names in it."""
        return {*self.files, *self.folders, *self.links}

    def walk(self, path: str) -> Iterator[tuple[str, Folder]]:
        """Yield this folder, at `path`, and all folders below it."""
        stack = [(path, self)]
        while stack:
            path, folder = stack.pop()
            yield path, folder
            stack.extend((os.path.join(path, name), sub) for name, sub in folder.folders.items())


def entry_of(stat: os.stat_result, flags: int = 0) -> Entry:
    """Return the entry of a file that was just read."""
    mtime = stat.st_mtime_ns
    fine = mtime % 1_000_000_000 != 0
    tick = _TICK if fine else _COARSE_TICK
    age, large = time.time_ns() - mtime, stat.st_size >= _LARGE
    if -tick <= age <= (_LONG_WRITE if large else tick) and (large or not (fine and exact(stat.st_dev))):
        flags |= RACY
    ctime = stat.st_ctime_ns if _HAS_CTIME else 0
    if ctime - mtime > tick:
        flags |= TOUCHED
    device = stat.st_dev
    return (
        mtime,
        stat.st_size,
        stat.st_ino,
        flags,
        mtime if ctime == mtime else ctime,  # sharing the objects saves memory
        _DEVICES.setdefault(device, device),
    )


_HAS_CTIME = os.name == "posix"
"""Elsewhere ``st_ctime`` is the time of creation."""
_DEVICES: dict[int, int] = {}


def differs(old: Entry, new: Entry) -> bool:
    """Return whether the entries certainly have different content or identity; see `is_touched` for the rest.

    An inode number alone is no identity where the file system may assign a new one (sshfs after its cache was dropped).
    A file that replaces another one has another ctime.
    """
    if old[:2] != new[:2] or (old[3] ^ new[3]) & LINK:
        return True
    if old[5] != new[5] and old[5] and new[5]:
        return True
    return old[2] != new[2] and (old[4] != new[4] or keeps_inodes(new[5]))


def is_touched(old: Entry, new: Entry) -> bool:
    """Return whether the ctime differs: the content changed, or only the metadata (`chmod`, a new hard link)."""
    return old[4] != new[4] and old[4] != 0 and new[4] != 0
