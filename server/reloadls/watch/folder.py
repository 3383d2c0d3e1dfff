"""What the snapshot keeps of one folder and of one file."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from reloadls.watch.patterns import Patterns
from reloadls.watch.scope import Rules
from reloadls.watch.stamps import exact

__all__ = ["LINK", "RACY", "Entry", "Folder", "counts_as_changed", "differs", "entry_of"]

Entry = tuple[int, int, int, int]
"""(mtime_ns, size, inode, flags) of a file, or of the file that a link leads to."""

LINK = 1
"""Flag: reached through a link."""
RACY = 2
"""Flag: modified so shortly before we looked that a later write may have left the same mtime (as in git's index).

None is where the kernel sees to that (`stamps`).
"""

TOUCHED = 4
"""Flag: its metadata changed after its content (`chmod`, a new hard link)."""


def _clock_tick() -> int:
    """By how many ns the kernel's file stamps may lag behind the clock (CLOCK_REALTIME_COARSE on Linux)."""
    try:
        return int(time.clock_getres(5) * 1e9) if sys.platform == "linux" else 10_000_000
    except OSError:
        return 10_000_000


_TICK = _clock_tick()
_COARSE_TICK = 2_000_000_000
"""FAT's, assumed where an mtime has no fraction of a second."""
_LARGE = 1 << 20
"""Bytes from which on a single write may take so long that somebody looks amid it; its beginning is what is stamped."""
_LONG_WRITE = 2_000_000_000
"""How long, in ns, such a write may take: as long as the longest tick."""


class Folder:
    """One folder as last told: its files, its folders, and the rules they were chosen by."""

    __slots__ = ("files", "folders", "gitignore", "links", "rules", "watch")

    def __init__(self) -> None:
        self.files: dict[str, Entry] = {}
        self.folders: dict[str, Folder] = {}
        self.links: frozenset[str] = frozenset()
        """Names of links that are known, whether they lead to a file or nowhere."""
        self.rules: Rules | None = None
        """The rules for its entries, its own .gitignore included; None before it was first read."""
        self.gitignore: tuple[Entry, Patterns] | None = None
        self.watch: Any = None
        """What the source that watches it keeps with it."""

    def walk(self, path: str) -> Iterator[tuple[str, Folder]]:
        """This folder, at `path`, and all below it."""
        stack = [(path, self)]
        while stack:
            path, folder = stack.pop()
            yield path, folder
            stack.extend((os.path.join(path, name), sub) for name, sub in folder.folders.items())


def entry_of(stat: os.stat_result, flags: int = 0) -> Entry:
    """The entry of a file that was looked at just now."""
    mtime = stat.st_mtime_ns
    fine = mtime % 1_000_000_000 != 0
    tick = _TICK if fine else _COARSE_TICK
    age, large = time.time_ns() - mtime, stat.st_size >= _LARGE
    if -tick <= age <= (_LONG_WRITE if large else tick) and (large or not (fine and exact(stat.st_dev))):
        flags |= RACY
    if stat.st_ctime_ns - mtime > tick:
        flags |= TOUCHED
    return (mtime, stat.st_size, stat.st_ino, flags)


def differs(old: Entry, new: Entry) -> bool:
    """Whether the two are of different content or identity, as far as stat can tell."""
    return old[:3] != new[:3] or (old[3] ^ new[3]) & LINK != 0


def counts_as_changed(old: Entry, new: Entry) -> bool:
    """Whether a hint that finds `new` where `old` was has found a change.

    A racy entry counts as changed unless the hint can be explained by its metadata alone.
    """
    return differs(old, new) or (old[3] & RACY != 0 and new[3] & TOUCHED == 0)
