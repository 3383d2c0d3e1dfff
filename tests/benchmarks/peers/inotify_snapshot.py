"""The least that a watcher can do and be right: inotify as hints, a snapshot of stats as the truth, no debounce.

An overflow leads to looking at everything. The root is watched from the folder above, so that it may go and come back;
a link that changes leads to looking at all links.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import Iterable, Iterator

from tests.benchmarks.peers.inotify import IGNORED, MASK, OVERFLOW, Inotify
from tests.benchmarks.peers.telling import calling, ready, started, tell

State = tuple[int, int, int]
Told = Iterator[tuple[str, str]]


class Snapshot:
    """What was there when last looked at, and what differs from it now."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._inotify = Inotify()
        self.fd = self._inotify.fd
        self._watched: dict[int, str] = {}
        self._files: dict[str, dict[str, State]] = {}
        """folder → name → state"""
        self._folders: dict[str, set[str]] = {}
        self._links: set[str] = set()
        above = os.path.dirname(root)
        self._above = self._inotify.add(above)
        self._watched[self._above] = above
        list(self._look(root))

    def on_readable(self) -> None:
        hints: set[str] = set()
        for event in self._inotify.read():
            if event.mask & OVERFLOW:
                hints = {self._root}
            elif event.mask & IGNORED:
                self._watched.pop(event.watch, None)
            elif (folder := self._watched.get(event.watch)) is not None:
                path = os.path.join(folder, event.name)
                if event.watch != self._above or path == self._root or self._known(path):
                    hints.add(path)
        if any(path in self._links or os.path.islink(path) for path in hints):
            hints |= self._links
        tell(self._reconcile(hints))

    def _known(self, path: str) -> bool:
        folder, name = os.path.split(path)
        return name in self._files.get(folder, ())

    def _reconcile(self, hints: Iterable[str]) -> Told:
        for hint in sorted(hints):
            yield from self._look(hint)

    def _look(self, path: str) -> Told:
        """Compare one path, and all below it."""
        try:
            status = os.stat(path)
        except OSError:
            yield from self._gone(path)
            return
        if os.path.islink(path):
            self._links.add(path)
        if stat.S_ISREG(status.st_mode):
            yield from self._gone_folder(path)
            yield from self._file(*os.path.split(path), status)
        elif stat.S_ISDIR(status.st_mode) and (path == self._root or path not in self._links):
            yield from self._gone_file(*os.path.split(path))
            yield from self._folder(path)
        else:
            yield from self._gone(path)

    def _folder(self, folder: str) -> Told:
        try:
            self._watched[self._inotify.add(folder, MASK)] = folder  # first watch, then list
            entries = list(os.scandir(folder))
        except OSError:
            yield from self._gone(folder)
            return
        names = {entry.name for entry in entries}
        for name in [name for name in self._files.get(folder, ()) if name not in names]:
            yield from self._gone_file(folder, name)
        for name in self._folders.setdefault(folder, set()) - names:
            yield from self._gone_folder(os.path.join(folder, name))
        for entry in entries:
            if entry.is_symlink():
                yield from self._look(entry.path)
            elif entry.is_dir():
                self._folders[folder].add(entry.name)
                yield from self._folder(entry.path)
            elif entry.is_file():
                try:
                    yield from self._file(folder, entry.name, entry.stat())
                except OSError:
                    yield from self._gone_file(folder, entry.name)

    def _file(self, folder: str, name: str, status: os.stat_result) -> Told:
        files = self._files.setdefault(folder, {})
        new, old = (status.st_mtime_ns, status.st_size, status.st_ino), files.get(name)
        files[name] = new
        if old != new:
            yield "created" if old is None else "modified", os.path.join(folder, name)

    def _gone(self, path: str) -> Told:
        self._links.discard(path)
        yield from self._gone_file(*os.path.split(path))
        yield from self._gone_folder(path)

    def _gone_file(self, folder: str, name: str) -> Told:
        if self._files.get(folder, {}).pop(name, None) is not None:
            yield "deleted", os.path.join(folder, name)

    def _gone_folder(self, folder: str) -> Told:
        for name in list(self._files.get(folder, ())):
            yield from self._gone_file(folder, name)
        self._files.pop(folder, None)
        for name in self._folders.pop(folder, ()):
            yield from self._gone_folder(os.path.join(folder, name))


async def main(root: str) -> None:
    calling()
    snapshot = Snapshot(root)
    asyncio.get_running_loop().add_reader(snapshot.fd, snapshot.on_readable)
    started()
    ready()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
