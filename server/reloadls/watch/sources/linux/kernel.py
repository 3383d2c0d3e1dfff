"""One inotify instance: who is told of which folder's events. Shared by all sources of a process.

A folder is watched once however many listeners it has: the kernel gives the same number for the same inode.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import struct
import sys
import threading
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from reloadls.watch.snapshot.folder import Folder
from reloadls.watch.sources.linux.calls import IGNORED, ISDIR, MASK_ADD, MOVED_FROM, MOVED_TO, Q_OVERFLOW, Calls
from reloadls.watch.sources.linux.mounts import MountMonitor

if sys.platform != "win32":
    import termios

__all__ = ["InotifyEvent", "Kernel", "EventListener", "Watch"]

_READ: Final = 64 * 1024
"""Bytes read at once, some 1,500 events: handling them stays far below what would hold up the loop."""
_HEADER: Final = struct.Struct("iIII")

_log = logging.getLogger(__name__)


class Watch:
    """One listener's interest in one folder.

    Attributes:
        listener: who is told.
        path: the folder as the listener knows it.
        folder: what is known of it, if it belongs to a tree.
        number: the kernel's number for it.
    """

    __slots__ = ("folder", "listener", "number", "path")

    def __init__(self, listener: EventListener, path: str, folder: Folder | None, number: int) -> None:
        self.listener = listener
        self.path = path
        self.folder = folder
        self.number = number


class InotifyEvent(NamedTuple):
    """What has happened to one name in a watched folder since the last look, or, without a name, to the folder."""

    watch: Watch
    name: str
    mask: int
    moves: Sequence[tuple[int, bool]]
    """(cookie, whether it came rather than went), in order."""


class EventListener(Protocol):
    """Who is told of events. Called on the event loop."""

    def on_events(self, events: list[InotifyEvent]) -> None:
        """These have come, in the order in which each name was first seen."""

    def on_overflow(self) -> None:
        """The kernel's queue was full: some events were lost."""

    def on_mounts(self, paths: set[str]) -> None:
        """File systems were mounted or unmounted there."""


class Kernel:
    """An inotify instance, read by the event loop. No thread, and nothing to do while nothing happens.

    `add` and `remove` may be called on any thread, all else on the event loop.

    Raises:
        OSError: the system gives no instance (``max_user_instances``), or has none.
    """

    def __init__(self) -> None:
        self._calls = Calls()
        self._fd = self._calls.open()
        self._loop = asyncio.get_running_loop()
        self._turn = threading.Lock()
        """Held while the watches change, but not while the kernel looks for a path: a file system may hang."""
        self._adding = 0
        """How many watches are being added. Meanwhile none is removed: it may be what is being added."""
        self._unused: set[int] = set()
        """The watches that are removed after that."""
        self._watches: dict[int, tuple[Watch, ...]] = {}
        self._listeners: set[EventListener] = set()
        self.events = 0
        """How many events have come."""
        self.overflows = 0
        """How often the queue was full."""
        try:
            self._loop.add_reader(self._fd, self._on_readable)
        except BaseException:
            os.close(self._fd)
            raise
        self._mounts = MountMonitor(self._on_mounts)

    def __del__(self) -> None:
        """Close the instance if its event loop ended before its listeners left."""
        if getattr(self, "_fd", -1) >= 0:
            os.close(self._fd)
            self._fd = -1

    @property
    def watches(self) -> int:
        """How many folders are watched."""
        return len(self._watches)

    def join(self, listener: EventListener) -> None:
        """`listener` is told of overflows from now on."""
        self._listeners.add(listener)

    def leave(self, listener: EventListener) -> None:
        """`listener` is told of nothing any more; the last one to go closes the instance."""
        self._listeners.discard(listener)
        if not self._listeners:
            self._close()
            return
        with self._turn:
            for number, watches in list(self._watches.items()):
                if any(watch.listener is listener for watch in watches):
                    self._keep(number, tuple(watch for watch in watches if watch.listener is not listener))

    @property
    def closed(self) -> bool:
        """Whether it can't be used any more."""
        return self._fd < 0

    def add(self, listener: EventListener, path: str, mask: int, folder: Folder | None, old: Watch | None) -> Watch:
        """Watch a folder, or make sure that `old` still watches what is at `path` now; then that is returned.

        Raises:
            OSError: it can't be watched; `old` is given up.
        """
        with self._turn:
            self._adding += 1
        number = -1
        try:
            number = self._calls.add(self._fd, path, mask | MASK_ADD)
        finally:
            with self._turn:
                watch = self._added(Watch(listener, path, folder, number), old)
        return watch

    def forget(self) -> None:
        """In a forked child: let go of the parent's instance. Its event loop is the parent's, and left alone."""
        if not self.closed:
            os.close(self._fd)
            self._fd = -1
        self._mounts.forget()

    def mounted_in(self, folder: str) -> list[str]:
        """The mount points directly in `folder`."""
        return self._mounts.points_in(folder)

    def moved(self, old: str) -> None:
        """The folder at `old` has another path."""
        self._mounts.moved(old)

    def remove(self, watch: Watch) -> None:
        """Its listener wants to hear no more of it."""
        with self._turn:
            self._drop(watch)

    async def drain(self) -> bool:
        """Give all events that were queued before the call, and all mounts; False if it is closed."""
        self._mounts.look()
        left = self._queued()
        while left > 0 and not self.closed:
            taken = self._on_readable()
            if taken == 0:  # the loop itself has just taken the rest
                break
            left -= taken
            await asyncio.sleep(0)
        return not self.closed

    # -- inside ------------------------------------------------------------------------------------------

    def _added(self, watch: Watch, old: Watch | None) -> Watch:
        """The kernel watches for `watch`, unless its number is negative, which takes the place of `old`."""
        if old is not None and old.number == watch.number and old.path == watch.path:
            watch = old
        else:
            if old is not None:
                self._drop(old)
            if watch.number >= 0:
                self._watches[watch.number] = (*self._watches.get(watch.number, ()), watch)
        self._adding -= 1
        if self._adding == 0:
            unused, self._unused = self._unused, set()
            for number in unused:
                if number not in self._watches:
                    self._calls.remove(self._fd, number)
        return watch

    def _drop(self, watch: Watch) -> None:
        watches = self._watches.get(watch.number)
        if watches is not None:
            self._keep(watch.number, tuple(other for other in watches if other is not watch))

    def _keep(self, number: int, watches: tuple[Watch, ...]) -> None:
        if watches:
            self._watches[number] = watches
        else:
            self._watches.pop(number, None)
            if self._adding:
                self._unused.add(number)
            else:
                self._calls.remove(self._fd, number)

    def _close(self) -> None:
        with self._turn:
            if not self.closed:
                self._mounts.close()
                if not self._loop.is_closed():
                    self._loop.remove_reader(self._fd)
                os.close(self._fd)
                self._fd = -1
                self._watches.clear()

    def _on_mounts(self, paths: set[str]) -> None:
        for listener in list(self._listeners):
            listener.on_mounts(paths)

    def _queued(self) -> int:
        if self.closed:
            return 0
        answer = fcntl.ioctl(self._fd, termios.FIONREAD, b"\0\0\0\0")
        return int.from_bytes(answer, sys.byteorder)

    def _on_readable(self) -> int:
        """Take what has come; returns how many bytes."""
        try:
            data = os.read(self._fd, _READ)
        except (BlockingIOError, InterruptedError):
            return 0
        by_listener: dict[EventListener, list[InotifyEvent]] = {}
        for (number, name), (mask, moves) in self._parsed(data).items():
            watches = self._watches.get(number, ())
            text = os.fsdecode(name)
            for watch in watches:
                by_listener.setdefault(watch.listener, []).append(InotifyEvent(watch, text, mask, moves))
            if mask & IGNORED:
                self._watches.pop(number, None)  # its number is never given again
            elif number < 0 and mask & Q_OVERFLOW:
                self.overflows += 1
                for listener in list(self._listeners):
                    listener.on_overflow()
        for listener, events in by_listener.items():
            listener.on_events(events)
        return len(data)

    def _parsed(self, data: bytes) -> dict[tuple[int, bytes], tuple[int, list[tuple[int, bool]]]]:
        """(number, name) → all that has happened to it, and its moves."""
        found: dict[tuple[int, bytes], tuple[int, list[tuple[int, bool]]]] = {}
        at, end, unpack = 0, len(data), _HEADER.unpack_from
        while at < end:
            number, mask, cookie, length = unpack(data, at)
            at += 16 + length
            self.events += 1
            key = (number, data[at - length : at].rstrip(b"\0"))
            known = found.get(key)
            if known is None:
                known = found[key] = (mask, _NO_MOVES)
            elif known[0] | mask != known[0] or (known[0] ^ mask) & ISDIR:
                known = found[key] = (known[0] & ~ISDIR | mask, known[1])  # the last one says what it is now
            if mask & (MOVED_FROM | MOVED_TO):
                found[key] = (known[0], [*known[1], (cookie, bool(mask & MOVED_TO))])
        return found


_NO_MOVES: list[tuple[int, bool]] = []
