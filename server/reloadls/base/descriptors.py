"""Read and write file descriptors from an event loop, with back-pressure and bounds.

The loop waits for pipes, sockets and terminals. A thread reads what it can't wait for: regular files, some devices, and
everything on Windows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import stat
import threading
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Final, Protocol

__all__ = ["HIGH_WATER", "DescriptorReader", "DescriptorWriter", "HangupWatch", "open_reader", "write_all"]

_log = logging.getLogger(__name__)

_CHUNK: Final = 256 * 1024
"""Bytes read at once."""
HIGH_WATER: Final = 256 * 1024
"""Unsent bytes above which a writer is full."""
_POLL_S: Final = 0.5
"""Seconds between two checks for a hang-up, where the loop can't wait for it."""
_MOST_BUFFERS: Final = 64
"""The most buffers of one writev(2)."""


class DescriptorReader(Protocol):
    """A descriptor that is being read. It stays open when reading ends."""

    def pause(self) -> None:
        """Stop reading until `resume`."""

    def resume(self) -> None:
        """Continue reading."""

    def close(self) -> None:
        """Stop reading for good, without calling `on_end`."""


def open_reader(fd: int, feed: Callable[[bytes], None], on_end: Callable[[], None]) -> DescriptorReader:
    """Start reading a descriptor.

    Args:
        fd: the descriptor.
        feed: called on the loop with the bytes that arrive.
        on_end: called on the loop once, at the end of input.
    """
    if os.name != "nt":
        # epoll refuses regular files and some devices, since they are always readable.
        with contextlib.suppress(PermissionError):
            return LoopReader(fd, feed, on_end)
    return ThreadReader(fd, feed, on_end)


class LoopReader:
    """Reads when the loop reports input: then a read does not block, whatever the descriptor's mode."""

    def __init__(self, fd: int, feed: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._fd, self._feed, self._on_end = fd, feed, on_end
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._loop.add_reader(fd, self._on_ready)

    def pause(self) -> None:
        """See `DescriptorReader`."""
        if not self._closed:
            self._loop.remove_reader(self._fd)

    def resume(self) -> None:
        """See `DescriptorReader`."""
        if not self._closed:
            self._loop.add_reader(self._fd, self._on_ready)

    def close(self) -> None:
        """See `DescriptorReader`."""
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
        if data:
            self._feed(data)
        else:
            self.close()
            self._on_end()


class ThreadReader:
    """Reads on a thread, at most one chunk ahead."""

    def __init__(self, fd: int, feed: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._feed, self._on_end = feed, on_end
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._go = threading.Event()
        self._go.set()
        # A daemon with its own copy of the descriptor: nothing can interrupt a blocking read.
        threading.Thread(target=self._pump, args=(os.dup(fd),), name="reloadls-input", daemon=True).start()

    def pause(self) -> None:
        """See `DescriptorReader`."""
        if not self._closed:
            self._go.clear()

    def resume(self) -> None:
        """See `DescriptorReader`."""
        self._go.set()

    def close(self) -> None:
        """See `DescriptorReader`."""
        self._closed = True
        self._go.set()

    def _pump(self, fd: int) -> None:
        data = b"more"
        with contextlib.suppress(RuntimeError):  # the loop was closed during a read
            while data and not self._closed:
                try:
                    data = os.read(fd, _CHUNK)
                except OSError:
                    data = b""
                delivered = threading.Event()
                self._loop.call_soon_threadsafe(self._deliver, data, delivered)
                delivered.wait()
                self._go.wait()
        os.close(fd)

    def _deliver(self, data: bytes, delivered: threading.Event) -> None:
        try:
            if self._closed:
                return
            if data:
                self._feed(data)
            else:
                self.close()
                self._on_end()
        finally:
            delivered.set()


class DescriptorWriter:
    """Writes messages to a descriptor: what fits at once, the rest in order when the reader makes room.

    Pipes and sockets are set to non-blocking; a write to anything else (a terminal, a file) may block.

    Args:
        fd: the descriptor; it stays open when the writer is closed.
        on_lost: called once if a write fails: the reader has closed its end.
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
        if _can_wait_for(fd):
            os.set_blocking(fd, False)
        self.pending = 0
        """The number of unsent bytes."""
        self.on_room: Callable[[], None] = lambda: None
        """Called when the writer has room again."""
        self.on_empty: Callable[[], None] = lambda: None
        """Called when the last unsent byte was sent."""

    @property
    def full(self) -> bool:
        """Whether `drain` would wait."""
        return not self._room.is_set()

    def write(self, data: bytes) -> None:
        """Send one message without waiting; it is dropped if the writer is closed."""
        if self._closed:
            _log.debug("dropped %d bytes: the reader has disconnected", len(data))
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
        """Wait until the writer is not full, or closed."""
        await self._room.wait()

    async def flush(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds until everything is sent; return whether it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._empty.wait()
        return self.pending == 0

    def is_closing(self) -> bool:
        """Return whether the writer is closed."""
        return self._closed

    def close(self) -> None:
        """Stop writing and drop unsent data. The descriptor stays open."""
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
        if self.pending > HIGH_WATER:
            self._room.clear()

    def _on_ready(self) -> None:
        sent = self._try(list(islice(self._queue, _MOST_BUFFERS)))
        self.pending -= sent
        while sent:
            first = self._queue.popleft()
            if sent < len(first):
                self._queue.appendleft(first[sent:])
            sent -= min(sent, len(first))
        if not self._queue and not self._closed:
            self._loop.remove_writer(self._fd)
            self._empty.set()
            self.on_empty()
        if self.pending <= HIGH_WATER // 2 and not self._room.is_set():
            self._room.set()
            self.on_room()

    def _try(self, views: list[memoryview]) -> int:
        try:
            return os.writev(self._fd, views) if len(views) > 1 else os.write(self._fd, views[0])
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as exc:
            _log.debug("the reader has disconnected: %s", exc)
            self.close()
            self._on_lost()
            return 0


class HangupWatch:
    """Reports that the reader of a pipe or socket has closed its end, even while nothing is written.

    Args:
        fd: the write end.
        on_hangup: called once.
    """

    def __init__(self, fd: int, on_hangup: Callable[[], None]) -> None:
        self._fd = fd
        self._on_hangup = on_hangup
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._reading = _can_wait_for(fd)
        if self._reading:
            # Selectors report a hang-up as input.
            self._loop.add_reader(fd, self._check)

    def cancel(self) -> None:
        """Stop watching. Idempotent."""
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._fd)
        if self._timer is not None:
            self._timer.cancel()

    def _check(self) -> None:
        self.cancel()
        poll = select.poll()
        poll.register(self._fd, 0)
        if any(events & (select.POLLHUP | select.POLLERR) for _, events in poll.poll(0)):
            self._on_hangup()
        else:  # input on a socket, or a socket that is closed in one direction only: both stay readable
            self._timer = self._loop.call_later(_POLL_S, self._check)


def write_all(fd: int, data: bytes | bytearray) -> None:
    """Write all of `data`, blocking, even if another process has set the descriptor to non-blocking.

    Args:
        fd: the descriptor.
        data: the bytes.

    Raises:
        OSError: the descriptor can't be written, for example since its reader has closed.
    """
    left = memoryview(bytes(data))
    while left:
        try:
            left = left[os.write(fd, left) :]
        except BlockingIOError:
            select.select([], [fd], [])


def _can_wait_for(fd: int) -> bool:
    mode = os.fstat(fd).st_mode
    return os.name != "nt" and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))
