"""Raw inotify: each folder watched, each event passed on as it comes, nothing remembered or compared."""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from typing import NamedTuple

from tests.benchmarks.peers.telling import calling, lost, ready, started, tell

__all__ = ["FILES", "MASK", "Event", "Inotify", "is_deletion"]

CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x8, 0x40, 0x80, 0x100, 0x200
OVERFLOW, IGNORED, IS_FOLDER = 0x4000, 0x8000, 0x40000000
DONT_FOLLOW, EXCL_UNLINK = 0x02000000, 0x04000000
FILES = CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE
MASK = FILES | DONT_FOLLOW | EXCL_UNLINK

_HEAD = struct.Struct("iIII")


class Event(NamedTuple):
    """One record of the kernel's."""

    watch: int
    mask: int
    name: str


class Inotify:
    """One inotify instance."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")

    def add(self, path: str, mask: int = MASK) -> int:
        """Watch one file or folder and return the watch's number; the old one if it is watched already."""
        watch: int = self._libc.inotify_add_watch(self.fd, os.fsencode(path), mask)
        if watch < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
        return watch

    def read(self) -> Iterator[Event]:
        """What has come."""
        data, at = os.read(self.fd, 1 << 18), 0
        while at < len(data):
            watch, mask, _cookie, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            yield Event(watch, mask, os.fsdecode(data[at : at + length].rstrip(b"\0")))
            at += length


class Raw:
    """What is watched, and under which name."""

    def __init__(self, root: str) -> None:
        self._inotify = Inotify()
        self._paths: dict[int, str] = {}
        self.fd = self._inotify.fd
        if os.path.isdir(root):
            list(self._enter(root))
        else:
            self._paths[self._inotify.add(root)] = root

    def on_readable(self) -> None:
        tell(self._events())

    def _events(self) -> Iterator[tuple[str, str]]:
        for event in self._inotify.read():
            if event.mask & OVERFLOW:
                lost()
            elif event.mask & IGNORED:
                self._paths.pop(event.watch, None)
            elif (folder := self._paths.get(event.watch)) is not None:
                yield from self._event(os.path.join(folder, event.name) if event.name else folder, event.mask)

    def _event(self, path: str, mask: int) -> Iterator[tuple[str, str]]:
        if mask & IS_FOLDER:
            if mask & (CREATE | MOVED_TO):
                yield from self._enter(path)
        elif is_deletion(mask):
            yield "deleted", path
        else:
            yield "created" if mask & (CREATE | MOVED_TO) else "modified", path

    def _enter(self, folder: str) -> Iterator[tuple[str, str]]:
        """Watch a folder, then list it; what is in it already is told as new."""
        try:
            self._paths[self._inotify.add(folder)] = folder
            entries = list(os.scandir(folder))
        except OSError:
            return
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from self._enter(entry.path)
            else:
                yield "created", entry.path


def is_deletion(mask: int) -> bool:
    return bool(mask & (DELETE | MOVED_FROM))


async def main(root: str) -> None:
    calling()
    raw = Raw(root)
    asyncio.get_running_loop().add_reader(raw.fd, raw.on_readable)
    started()
    ready()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
