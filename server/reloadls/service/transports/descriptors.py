"""Reading and writing file descriptors from an event loop, without waiting and within bounds."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import stat
import threading
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Final, Protocol

__all__ = ["Reader", "StdioWriter", "open_reader"]

_log = logging.getLogger(__name__)

_CHUNK: Final = 256 * 1024
"""Bytes read at once."""
_HIGH_WATER: Final = 256 * 1024
"""Unsent bytes beyond which `StdioWriter.drain` waits."""


class Reader(Protocol):
    """A descriptor being read; pauses by itself while `is_full()`."""

    def resume(self) -> None:
        """Go on after a pause."""

    def close(self) -> None:
        """Read no more."""


def open_reader(
    fd: int, feed: Callable[[bytes], None], on_end: Callable[[], None], *, is_full: Callable[[], bool]
) -> Reader:
    """Begin to pass what arrives to `feed`, on the loop, and call `on_end` once at the end of input."""
    if os.name != "nt":
        # The loop can't watch regular files, nor some devices: always readable, so epoll has no use for them.
        with contextlib.suppress(PermissionError):
            return _LoopReader(fd, feed, on_end, is_full)
    return _ThreadReader(fd, feed, on_end, is_full)


class _LoopReader:
    """Reads when the loop says there is something: then a read doesn't block, whatever the mode is."""

    def __init__(
        self, fd: int, feed: Callable[[bytes], None], on_end: Callable[[], None], is_full: Callable[[], bool]
    ) -> None:
        self._fd, self._feed, self._on_end, self._is_full = fd, feed, on_end, is_full
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._loop.add_reader(fd, self._on_ready)

    def resume(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._fd, self._on_ready)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._fd)

    def _on_ready(self) -> None:
        try:
            data = os.read(self._fd, _CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:  # a terminal that hung up, a socket that was reset
            _log.debug("the input ended: %s", exc)
            data = b""
        if not data:
            self.close()
            self._on_end()
            return
        self._feed(data)
        if self._is_full() and not self._closed:
            self._loop.remove_reader(self._fd)


class _ThreadReader:
    """Reads in a thread, one chunk ahead at most."""

    def __init__(
        self, fd: int, feed: Callable[[bytes], None], on_end: Callable[[], None], is_full: Callable[[], bool]
    ) -> None:
        self._feed, self._on_end, self._is_full = feed, on_end, is_full
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._go = threading.Event()
        # A copy of its own, as it may sit in a read that nothing can end; a daemon for the same reason.
        thread = threading.Thread(target=self._pump, args=(os.dup(fd),), name="reloadls-stdin", daemon=True)
        thread.start()

    def resume(self) -> None:
        self._go.set()

    def close(self) -> None:
        self._closed = True
        self._go.set()

    def _pump(self, fd: int) -> None:
        data = b"more"
        # The loop may be closed while this thread was reading: nobody is left to tell.
        with contextlib.suppress(RuntimeError):
            while data and not self._closed:
                try:
                    data = os.read(fd, _CHUNK)
                except OSError:
                    data = b""
                self._go.clear()
                if self._is_closed():
                    break
                self._loop.call_soon_threadsafe(self._take, data)
                self._go.wait()
        os.close(fd)

    def _is_closed(self) -> bool:
        return self._closed

    def _take(self, data: bytes) -> None:
        if self._closed:
            return
        if not data:
            self.close()
            self._on_end()
            return
        self._feed(data)
        if not self._is_full():
            self._go.set()


class StdioWriter:
    """Sends messages to a descriptor: at once what fits, and the rest, in order, as the reader makes room.

    A pipe or socket is set to non-blocking; others (a terminal, a file) are written to as they are.
    """

    def __init__(self, fd: int, *, on_lost: Callable[[], None] = lambda: None) -> None:
        self._fd = fd
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._queue: deque[memoryview] = deque()
        self._closed = False
        self._room = asyncio.Event()
        self._room.set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._queues = _can_wait_for(fd)
        if self._queues:
            os.set_blocking(fd, False)
        self.pending = 0
        """Bytes that are not sent yet."""
        self.on_room: Callable[[], None] = lambda: None
        """Called when `drain` would no longer wait."""

    def write(self, data: bytes) -> None:
        """Send one message; never waits, and drops it if the reader is gone."""
        if self._closed:
            _log.debug("%d bytes dropped: the client is gone", len(data))
            return
        view = memoryview(data)
        while view and not self._queue and not self._closed:
            sent = self._try([view])
            view = view[sent:]
            if sent == 0:
                break
        if view and not self._closed:
            self._enqueue(view)

    async def drain(self) -> None:
        """Wait until there is room for more, or nobody to send it to."""
        await self._room.wait()

    async def flush(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until everything is sent; return whether it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._empty.wait()
        return self.pending == 0

    def is_closing(self) -> bool:
        """Return whether nothing is sent any more."""
        return self._closed

    def close(self) -> None:
        """Send nothing more, and forget what is queued. The descriptor stays open."""
        if self._closed:
            return
        self._closed = True
        if self._queue:
            self._loop.remove_writer(self._fd)
            self._queue.clear()
        self.pending = 0
        self._room.set()
        self._empty.set()

    def _enqueue(self, view: memoryview) -> None:
        if not self._queue:
            self._loop.add_writer(self._fd, self._on_ready)
            self._empty.clear()
        self._queue.append(view)
        self.pending += len(view)
        if self.pending > _HIGH_WATER:
            self._room.clear()

    def _on_ready(self) -> None:
        sent = self._try(list(islice(self._queue, 64)))
        self.pending -= sent
        while sent:
            first = self._queue.popleft()
            if sent < len(first):
                self._queue.appendleft(first[sent:])
            sent -= min(sent, len(first))
        if not self._queue and not self._closed:
            self._loop.remove_writer(self._fd)
            self._empty.set()
        if self.pending <= _HIGH_WATER // 2 and not self._room.is_set():
            self._room.set()
            self.on_room()

    def _try(self, views: list[memoryview]) -> int:
        try:
            return os.writev(self._fd, views) if len(views) > 1 else os.write(self._fd, views[0])
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as exc:
            _log.debug("the client is gone: %s", exc)
            self.close()
            self._on_lost()
            return 0


def _can_wait_for(fd: int) -> bool:
    mode = os.fstat(fd).st_mode
    return os.name != "nt" and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))
