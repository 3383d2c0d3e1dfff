"""The roots as last told, and what a source must watch for them."""

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
    """One root as last told: a folder with what is in it, a file, or nothing."""

    path: str
    kind: Literal["file", "directory"] = "directory"
    state: RootState = "missing"
    folder: Folder | None = None
    entry: Entry | None = None
    file_digests: Folder = field(default_factory=Folder)
    """Where the digest of a file that is a root is kept, under an empty name."""
    below: int = 0
    """How many files are known below it."""

    def files(self) -> Iterator[str]:
        """Every file known of it."""
        if self.entry is not None:
            yield self.path
        if self.folder is not None:
            for at, folder in self.folder.walk(self.path):
                for name in folder.files:
                    yield os.path.join(at, name)

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Every file known of it, and what is known of it."""
        if self.entry is not None:
            yield self.path, self.entry
        if self.folder is not None:
            for at, folder in self.folder.walk(self.path):
                for name, entry in folder.files.items():
                    yield os.path.join(at, name), entry

    def count(self) -> int:
        """How many files are known of it."""
        return int(self.entry is not None) if self.folder is None else self.below


class RootIndex:
    """The roots by path: finding those that a path concerns takes as long for 3,000 as for one. Never changes."""

    __slots__ = ("_by_path", "_order", "_paths")

    def __init__(self, roots: Iterable[Root]) -> None:
        self._by_path = {root.path: root for root in roots}
        self._order = {path: number for number, path in enumerate(self._by_path)}
        self._paths = sorted(self._by_path)

    def related(self, path: str) -> list[Root]:
        """The roots that are `path`, lie below it or hold it, in their own order."""
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
        trees: folders with all below them, but for what the scope leaves out.
        folders: single folders, outside the trees.
        inside: single paths that lie in a tree, but perhaps where the scope does not reach.
    """

    trees: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()
    inside: frozenset[str] = frozenset()


def watch_set(
    roots: Iterable[Root], targets: Iterable[str], is_dir: Callable[[str], bool], linked: Container[str] = ()
) -> WatchSet:
    """What must be watched for `roots`, and for `targets`, the paths that links lead through.

    A file is watched through its folder, so that it may be replaced; what is missing, through the nearest folder above.
    A folder that is a link is a tree of its own: watching the tree in which the link stands does not follow it.

    Args:
        roots: what is known of the roots.
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
    """What must be watched for roots of which nothing is known yet. Stats each."""
    return watch_set([Root(path, _kind(path, disk)) for path in paths], (), disk.is_dir)


def _kind(path: str, disk: GuardedDisk) -> Literal["file", "directory"]:
    """What `path` is; a folder if that is not known."""
    try:
        return "directory" if stat.S_ISDIR(disk.stat(path).st_mode) else "file"
    except (OSError, ValueError):
        return "directory"


def _is_in(path: str, folders: Collection[str]) -> bool:
    """Whether `path` is one of `folders`, a set, or lies below one."""
    return path in folders or any(above in folders for above in ancestors(path))


def _nearest_folder(path: str, is_dir: Callable[[str], bool]) -> str:
    """`path`, or its nearest ancestor that is a folder."""
    while not is_dir(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path
