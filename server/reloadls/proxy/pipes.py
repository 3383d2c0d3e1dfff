"""How do bytes come and go? Descriptors on an event loop, with back-pressure, and nothing kept beyond a bound."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import threading
from collections.abc import Callable
from typing import Final, Protocol

__all__ = ["HIGH_WATER", "Inlet", "Outlet", "Reading"]

_CHUNK: Final = 256 * 1024
HIGH_WATER: Final = 256 * 1024
"""Unsent bytes beyond which no more is taken in."""


class Reading(Protocol):
    """What an inlet needs of its transport."""

    def pause_reading(self) -> None:
        """Take nothing for now."""

    def resume_reading(self) -> None:
        """Go on."""

    def close(self) -> None:
        """Read no more; `Inlet.connection_lost` is called."""


class Inlet(asyncio.Protocol):
    """One descriptor being read; owned, and closed in the end.

    Args:
        feed: called with what arrives.
        on_end: called once, when nothing more will come.
    """

    def __init__(self, feed: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self.feed = feed
        self._on_end = on_end
        self._transport: Reading | None = None
        self._fd = -1
        self.ended = asyncio.Event()

    async def open(self, fd: int) -> None:
        """Begin to read."""
        loop = asyncio.get_running_loop()
        self._fd = fd
        if not _is_waited_for(fd):
            self._transport = _ThreadReader(os.dup(fd), self)
            return
        file = os.fdopen(fd, "rb", buffering=0, closefd=False)
        self._transport = (await loop.connect_read_pipe(lambda: self, file))[0]

    def use(self, transport: Reading, fd: int) -> None:
        """Have `transport` read; `fd` is closed in the end."""
        self._transport, self._fd = transport, fd

    def pause(self) -> None:
        """Take nothing for now."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Go on."""
        if self._transport is not None and not self.ended.is_set():
            self._transport.resume_reading()

    def close(self) -> None:
        """Read no more, so that whoever writes is told."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        if not self.ended.is_set():
            self.ended.set()
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._on_end()


class Outlet(asyncio.BaseProtocol):
    """One descriptor being written to; owned, and closed in the end.

    Attributes:
        on_room: called when it is no longer `full`.
        on_lost: called when its reader has gone.
        lost: set when it is closed, or has lost its reader.
    """

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._fd = -1
        self._free = asyncio.Event()
        self._free.set()
        self._mid_message = self.full = False
        self._closing = False
        self.lost = asyncio.Event()
        self.on_room: Callable[[], None] = lambda: None
        self.on_lost: Callable[[], None] = lambda: None

    async def open(self, fd: int) -> None:
        """Begin to write."""
        loop = asyncio.get_running_loop()
        file = os.fdopen(fd, "wb", buffering=0, closefd=False)
        try:
            self._transport = (await loop.connect_write_pipe(lambda: self, file))[0]
            self._transport.set_write_buffer_limits(HIGH_WATER, HIGH_WATER // 4)
        except (ValueError, NotImplementedError):  # a regular file takes what it is given
            pass
        self._fd = fd

    def use(self, transport: asyncio.WriteTransport, fd: int) -> None:
        """Have `transport` write; `fd` is closed in the end."""
        self._transport, self._fd = transport, fd

    def write(self, data: bytes, *, mid_message: bool = False) -> None:
        """Send bytes; `mid_message` says that they end within a message, into which nothing may be put."""
        if self.lost.is_set() or self._closing:
            return
        if self._transport is not None:
            self._transport.write(data)
        else:
            self._write_all(data)
        self._mid_message = mid_message
        self._settle()

    @property
    def busy(self) -> bool:
        """Whether a message of our own would have to wait."""
        return not self._free.is_set()

    @property
    def backlog(self) -> int:
        """How many bytes are still to be sent."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    async def room(self) -> None:
        """Return when there is room for a whole message, between two others; it is to be written at once."""
        while not self._free.is_set():
            await self._free.wait()

    async def inject(self, data: bytes) -> None:
        """Send a whole message when there is room for it."""
        await self.room()
        self.write(data)

    def close(self) -> None:
        """Send what is still to be sent, then close."""
        if self._closing:
            return
        self._closing = True
        if self._transport is not None:
            self._transport.close()
        else:
            self.connection_lost(None)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None and not self.lost.is_set():
            self._transport.abort()

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self.full = True
        self._settle()

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self.full = False
        self._settle()
        self.on_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        if self.lost.is_set():
            return
        self.lost.set()
        with contextlib.suppress(OSError):
            os.close(self._fd)
        self.full = self._mid_message = False
        self._settle()
        self.on_lost()
        self.on_room()

    def _settle(self) -> None:
        if self.full or self._mid_message:
            self._free.clear()
        else:
            self._free.set()

    def _write_all(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._fd, left) :]
        except OSError:
            self.connection_lost(None)


def _is_waited_for(fd: int) -> bool:
    """Whether an event loop can wait for what comes from there: not from a file, or the null device."""
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(fd)


class _ThreadReader:
    """Reads in a thread what the loop can't watch, one chunk ahead at most."""

    def __init__(self, fd: int, protocol: Inlet) -> None:
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._go = threading.Event()
        self._go.set()
        self._closed = False
        threading.Thread(target=self._pump, args=(fd,), name="reloadls-input", daemon=True).start()

    def pause_reading(self) -> None:
        self._go.clear()

    def resume_reading(self) -> None:
        self._go.set()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._go.set()
            self._loop.call_soon(self._protocol.connection_lost, None)

    def _pump(self, fd: int) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            while not self._closed:
                self._go.wait()
                taken = threading.Event()
                try:
                    data = os.read(fd, _CHUNK)
                except OSError:
                    data = b""
                self._loop.call_soon_threadsafe(self._take, data, taken)
                if not data:
                    break
                taken.wait()
        os.close(fd)

    def _take(self, data: bytes, taken: threading.Event) -> None:
        if data and not self._closed:
            self._protocol.data_received(data)
        elif not data:
            self.close()
        taken.set()
