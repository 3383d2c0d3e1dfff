"""Which source receives which folder's events: one inotify instance, shared by all sources of a process.

A folder is watched once however many listeners it has: the kernel returns the same number for the same inode.
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
from reloadls.watch.sources.linux.calls import IGNORED, ISDIR, MASK_ADD, MOVED_FROM, MOVED_TO, Q_OVERFLOW, InotifyCalls
from reloadls.watch.sources.linux.mounts import MountMonitor

if sys.platform != "win32":
    import termios

__all__ = ["InotifyEvent", "Kernel", "EventListener", "Watch"]

_READ: Final = 64 * 1024
"""Bytes read at once, about 1,500 events: handling them does not block the loop noticeably."""
_HEADER: Final = struct.Struct("iIII")

_log = logging.getLogger(__name__)


class Watch:
    """One listener's watch of one folder.

    Attributes:
        listener: receives the events.
        path: the folder as the listener knows it.
        folder: the snapshot's folder, if it belongs to a tree.
        number: the kernel's number for it.
    """

    __slots__ = ("folder", "listener", "number", "path")

    def __init__(self, listener: EventListener, path: str, folder: Folder | None, number: int) -> None:
        self.listener = listener
        self.path = path
        self.folder = folder
        self.number = number


class InotifyEvent(NamedTuple):
    """What happened to one name in a watched folder since the last read or, without a name, to the folder."""

    watch: Watch
    name: str
    mask: int
    moves: Sequence[tuple[int, bool]]
    """(cookie, True for moved to, False for moved from), in order."""


class EventListener(Protocol):
    """Receives events. Called on the event loop."""

    def on_events(self, events: list[InotifyEvent]) -> None:
        """Called with events, in the order in which each name first occurred."""

    def on_overflow(self) -> None:
        """Called when the kernel's queue was full: some events were lost."""

    def on_mounts(self, paths: set[str]) -> None:
        """Called when file systems were mounted or unmounted at `paths`."""


class Kernel:
    """An inotify instance, read by the event loop. It uses no thread and no time while nothing changes.

    `add` and `remove` may be called on any thread, everything else on the event loop.

    Raises:
        OSError: the system has no inotify, or no instance left (``max_user_instances``).
    """

    def __init__(self) -> None:
        self._calls = InotifyCalls()
        self._fd = self._calls.open()
        self._loop = asyncio.get_running_loop()
        self._turn = threading.Lock()
        """Held while the watches change, but not during the system call for a path: a file system may hang."""
        self._adding = 0
        """Number of watches being added. Meanwhile none is removed: it may be the one being added."""
        self._unused: set[int] = set()
        """Watches to remove after that."""
        self._watches: dict[int, tuple[Watch, ...]] = {}
        self._listeners: set[EventListener] = set()
        self.events = 0
        """Number of events received."""
        self.overflows = 0
        """Number of queue overflows."""
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
        """Number of watched folders."""
        return len(self._watches)

    def join(self, listener: EventListener) -> None:
        """Report overflows and mounts to `listener` from now on."""
        self._listeners.add(listener)

    def leave(self, listener: EventListener) -> None:
        """Remove `listener` and its watches; the last one to leave closes the instance."""
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
        """Whether the instance is closed."""
        return self._fd < 0

    def add(self, listener: EventListener, path: str, mask: int, folder: Folder | None, old: Watch | None) -> Watch:
        """Watch a folder.

        Returns:
            A new watch, or `old` if it still watches the folder at `path`.

        Raises:
            OSError: it can't be watched; `old` is removed.
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
        """In a forked child: close the parent's instance, and leave its event loop alone."""
        if not self.closed:
            os.close(self._fd)
            self._fd = -1
        self._mounts.forget()

    def mounted_in(self, folder: str) -> list[str]:
        """Return the mount points directly in `folder`."""
        return self._mounts.points_in(folder)

    def moved(self, old: str) -> None:
        """Note that the folder at `old` was renamed."""
        self._mounts.moved(old)

    def remove(self, watch: Watch) -> None:
        """Remove a watch."""
        with self._turn:
            self._drop(watch)

    async def drain(self) -> bool:
        """Deliver all events and mounts from before the call; return False if the instance is closed."""
        self._mounts.look()
        left = self._queued()
        while left > 0 and not self.closed:
            taken = self._on_readable()
            if taken == 0:  # the loop has just read the rest
                break
            left -= taken
            await asyncio.sleep(0)
        return not self.closed

    # -- inside ------------------------------------------------------------------------------------------

    def _added(self, watch: Watch, old: Watch | None) -> Watch:
        """Register `watch`, in place of `old`, unless its number is negative. Return the watch in use."""
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
        """Read and deliver events; return the number of bytes read."""
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
                self._watches.pop(number, None)  # its number is never used again
            elif number < 0 and mask & Q_OVERFLOW:
                self.overflows += 1
                for listener in list(self._listeners):
                    listener.on_overflow()
        for listener, events in by_listener.items():
            listener.on_events(events)
        return len(data)

    def _parsed(self, data: bytes) -> dict[tuple[int, bytes], tuple[int, list[tuple[int, bool]]]]:
        """Return (number, name) → its combined event mask and moves."""
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
                known = found[key] = (
                    known[0] & ~ISDIR | mask,
                    known[1],
                )  # the last event says whether it is a folder now
            if mask & (MOVED_FROM | MOVED_TO):
                found[key] = (known[0], [*known[1], (cookie, bool(mask & MOVED_TO))])
        return found


_NO_MOVES: list[tuple[int, bool]] = []
