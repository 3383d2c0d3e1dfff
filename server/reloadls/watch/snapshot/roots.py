"""The roots as last reported, and what a source must watch for them."""

from __future__ import annotations

import os
import stat
from bisect import bisect_left
from collections.abc import Callable, Collection, Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from reloadls.base.paths import ancestors, outermost, prefix_of
from reloadls.watch.disk.guarded import GuardedDisk
from reloadls.watch.snapshot.folder import Entry, Folder

__all__ = [
    "Root",
    "RootIndex",
    "RootState",
    "WatchSet",
    "planned_watch_set",
    "watch_set",
]

RootState = Literal["watching", "missing", "denied", "timedOut", "polling"]


@dataclass(slots=True)
class Root:
    """One root as last reported: a folder with its contents, a file, or missing."""

    path: str
    kind: Literal["file", "directory"] = "directory"
    state: RootState = "missing"
    folder: Folder | None = None
    entry: Entry | None = None
    file_digests: Folder = field(default_factory=Folder)
    """Holds the digest of a root that is a file, under an empty name."""
    below: int = 0
    """Number of known files below it."""

    def files(self) -> Iterator[str]:
        """Yield every known file."""
        if self.entry is not None:
            yield self.path
        if self.folder is not None:
            for at, folder in self.folder.walk(self.path):
                for name in folder.files:
                    yield os.path.join(at, name)

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Yield every known file and its entry."""
        if self.entry is not None:
            yield self.path, self.entry
        if self.folder is not None:
            for at, folder in self.folder.walk(self.path):
                for name, entry in folder.files.items():
                    yield os.path.join(at, name), entry

    def count(self) -> int:
        """Return the number of known files."""
        return int(self.entry is not None) if self.folder is None else self.below


class RootIndex:
    """The roots by path: a lookup takes as long for 3,000 roots as for one. Immutable."""

    __slots__ = ("_by_path", "_order", "_paths")

    def __init__(self, roots: Iterable[Root]) -> None:
        self._by_path = {root.path: root for root in roots}
        self._order = {path: number for number, path in enumerate(self._by_path)}
        self._paths = sorted(self._by_path)

    def related(self, path: str) -> list[Root]:
        """Return the roots that are `path`, below it, or above it, in their own order."""
        paths = {at for at in (path, *ancestors(path)) if at in self._by_path}
        prefix = prefix_of(path)
        for number in range(bisect_left(self._paths, prefix), len(self._paths)):
            if not self._paths[number].startswith(prefix):
                break
            paths.add(self._paths[number])
        return [self._by_path[at] for at in sorted(paths, key=self._order.__getitem__)]


@dataclass(frozen=True, slots=True)
class WatchSet:
    """What a source must watch.

    Attributes:
        trees: folders with everything below them, except what the scope ignores.
        folders: single folders outside the trees.
        inside: single paths in a tree that may be outside the scope.
    """

    trees: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()
    inside: frozenset[str] = frozenset()


def watch_set(
    roots: Iterable[Root], targets: Iterable[str], is_dir: Callable[[str], bool], linked: Container[str] = ()
) -> WatchSet:
    """Return what must be watched for `roots` and for `targets`.

    A file is watched through its folder, so that it may be replaced; a missing path through its nearest existing
    ancestor. A folder that is a link is a tree of its own: watching the tree that contains the link does not follow it.

    Args:
        roots: the known roots.
        targets: the paths that links lead through.
        is_dir: whether a path is a folder.
        linked: the paths that are links.
    """
    roots, targets = list(roots), list(targets)
    trees = {root.path for root in roots if root.kind == "directory"}
    files = [root.path for root in roots if root.kind == "file"]
    outside = {os.path.dirname(path) for path in files}
    outside.update(_nearest_folder(os.path.dirname(path), is_dir) for path in targets if not _is_in(path, trees))
    return WatchSet(
        frozenset(outermost(trees) | {path for path in trees if path in linked}),
        frozenset(path for path in outside if not _is_in(path, trees)),
        frozenset(path for path in (*trees, *files, *targets) if _is_in(os.path.dirname(path), trees)),
    )


def planned_watch_set(paths: Iterable[str], disk: GuardedDisk) -> WatchSet:
    """Return what must be watched for roots that have not been read yet. Stats each."""
    return watch_set([Root(path, _kind(path, disk)) for path in paths], (), disk.is_dir)


def _kind(path: str, disk: GuardedDisk) -> Literal["file", "directory"]:
    """Return the kind of `path`; a folder if unknown."""
    try:
        return "directory" if stat.S_ISDIR(disk.stat(path).st_mode) else "file"
    except (OSError, ValueError):
        return "directory"


def _is_in(path: str, folders: Collection[str]) -> bool:
    """Return whether `path` is one of `folders`, a set, or below one."""
    return path in folders or any(parent in folders for parent in ancestors(path))


def _nearest_folder(path: str, is_dir: Callable[[str], bool]) -> str:
    """Return `path`, or its nearest ancestor that is a folder."""
    while not is_dir(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path
