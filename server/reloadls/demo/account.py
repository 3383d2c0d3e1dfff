"""What is on disk, by an independent account, and what was reported: the two must be equal."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from reloadls.wire.uris import from_uri

__all__ = ["Account", "Arrival", "Picture", "account", "changed"]

Account = dict[str, tuple[int, int, int]]
"""path → (mtime_ns, size, inode) of every file."""


def account(roots: Iterable[str]) -> Account:
    """What is on disk now, git's own folder left out. Shares nothing with the watcher. Blocking."""
    found: Account = {}
    for root in roots:
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if name != ".git"]
            for name in names:
                path = os.path.join(folder, name)
                stat = os.lstat(path)
                found[path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return found


def changed(before: Account, now: Account) -> set[str]:
    """The paths that differ."""
    return {path for path in before.keys() | now.keys() if before.get(path) != now.get(path)}


@dataclass(frozen=True)
class Arrival:
    """One change as it came."""

    path: str
    type: str
    at: float
    """In seconds since the epoch."""


@dataclass
class Picture:
    """What a client knows that applies every batch on top of `reload/since`.

    Attributes:
        files: every path that was reported to exist.
        faults: what did not fit: a file created twice, or changed without being there.
    """

    files: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def begin(self, changes: Iterable[dict[str, Any]]) -> None:
        """Take over what `reload/since` gave."""
        self.files = {from_uri(change["uri"]) for change in changes}

    def apply(self, changes: Iterable[dict[str, Any]], at: float) -> list[Arrival]:
        """Take a batch."""
        arrivals = [Arrival(from_uri(change["uri"]), change["type"], at) for change in changes]
        for arrival in arrivals:
            if (arrival.path in self.files) == (arrival.type == "created"):
                self.faults.append(f"{arrival.path} {arrival.type}")
            if arrival.type == "deleted":
                self.files.discard(arrival.path)
            else:
                self.files.add(arrival.path)
        return arrivals
