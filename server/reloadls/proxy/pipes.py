"""The two ends of a connection as the proxy uses them: bytes in and bytes out, with back-pressure."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import Callable

from reloadls.base.descriptors import DescriptorReader, DescriptorWriter, HangupWatch, open_reader

__all__ = ["Inlet", "Outlet", "open_both"]


class Inlet:
    """Reads a descriptor that it owns.

    Args:
        feed: called with the bytes that arrive.
        on_end: called once, when no more input will arrive.
    """

    def __init__(self, feed: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self.feed = feed
        self.on_end = on_end
        self.ended = asyncio.Event()
        """Set at the end of input."""
        self._reader: DescriptorReader | None = None
        self._fd = -1

    def open(self, fd: int) -> None:
        """Start reading `fd`, which is closed at the end."""
        self._fd = fd
        self._reader = open_reader(fd, self._on_data, self._end)

    def pause(self) -> None:
        """Stop reading until `resume`."""
        if self._reader is not None:
            self._reader.pause()

    def resume(self) -> None:
        """Continue reading."""
        if self._reader is not None:
            self._reader.resume()

    def close(self) -> None:
        """Stop reading and close the descriptor, which the writer notices."""
        if self._reader is not None:
            self._reader.close()
            asyncio.get_running_loop().call_soon(self._end)

    def _on_data(self, data: bytes) -> None:
        self.feed(data)  # which may be replaced meanwhile

    def _end(self) -> None:
        if not self.ended.is_set():
            self.ended.set()
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self.on_end()


class Outlet:
    """Writes a descriptor that it owns.

    Attributes:
        on_room: called when it is no longer `full`.
        on_lost: called when it is closed, or its reader has closed.
        lost: set at that time.
    """

    def __init__(self) -> None:
        self._writer: DescriptorWriter | None = None
        self._hangup: HangupWatch | None = None
        self._fd = -1
        self._free = asyncio.Event()
        self._free.set()
        self._mid_message = self._closing = False
        self.lost = asyncio.Event()
        self.on_room: Callable[[], None] = lambda: None
        self.on_lost: Callable[[], None] = lambda: None

    def open(self, fd: int, *, watch: bool = True) -> None:
        """Start writing.

        Args:
            fd: the descriptor, which is closed at the end.
            watch: whether to notice that the reader closes while nothing is written.
        """
        self._fd = fd
        self._writer = DescriptorWriter(fd, on_lost=self._end)
        self._writer.on_room = self._on_room
        self._writer.on_empty = self._on_empty
        if watch:
            self.watch_for_hangup()

    def watch_for_hangup(self) -> None:
        """Notice from now on that the reader closes while nothing is written."""
        if not self.lost.is_set() and self._hangup is None:
            self._hangup = HangupWatch(self._fd, self._end)

    @property
    def full(self) -> bool:
        """Whether so much is unsent that no more should be read."""
        return self._writer is not None and self._writer.full

    @property
    def busy(self) -> bool:
        """Whether `room` would wait."""
        return not self._free.is_set()

    @property
    def backlog(self) -> int:
        """The number of unsent bytes."""
        return 0 if self._writer is None else self._writer.pending

    def write(self, data: bytes, *, mid_message: bool = False) -> None:
        """Send bytes.

        Args:
            data: the bytes.
            mid_message: whether they end within a message, into which no other may be written.
        """
        if self._writer is None or self.lost.is_set() or self._closing:
            return
        self._writer.write(data)
        self._mid_message = mid_message and not self.lost.is_set()
        self._settle()

    async def room(self) -> None:
        """Return when a whole message can be written, between two others; the caller writes it at once."""
        while not self._free.is_set():
            await self._free.wait()

    async def inject(self, data: bytes) -> None:
        """Send a whole message as soon as there is room for it."""
        await self.room()
        self.write(data)

    def close(self) -> None:
        """Close once everything is sent."""
        if not self._closing:
            self._closing = True
            self._on_empty()

    def abort(self) -> None:
        """Close at once, dropping unsent data."""
        if self._writer is not None and not self.lost.is_set():
            self._writer.close()
            asyncio.get_running_loop().call_soon(self._end)

    def _on_room(self) -> None:
        self._settle()
        self.on_room()

    def _on_empty(self) -> None:
        if self._closing and not self.backlog:
            asyncio.get_running_loop().call_soon(self._end)

    def _end(self) -> None:
        if self.lost.is_set():
            return
        self.lost.set()
        if self._hangup is not None:
            self._hangup.cancel()
        if self._writer is not None:
            self._writer.close()
        with contextlib.suppress(OSError):
            os.close(self._fd)
        self._mid_message = False
        self._settle()
        self.on_lost()
        self.on_room()

    def _settle(self) -> None:
        if self.full or self._mid_message:
            self._free.clear()
        else:
            self._free.set()


def open_both(inlet: Inlet, source: int, outlet: Outlet, sink: int) -> None:
    """Start reading and writing the editor's descriptors, which may be one socket, as inetd and some editors make them.

    Args:
        inlet: reads `source`.
        source: the descriptor of the input.
        outlet: writes `sink`.
        sink: the descriptor of the output.
    """
    shared = _is_one_socket(source, sink)
    if shared:  # its input would be taken for a hang-up: watch for that only after the end of input
        on_end = inlet.on_end

        def end() -> None:
            on_end()
            outlet.watch_for_hangup()

        inlet.on_end = end
    outlet.open(sink, watch=not shared)
    inlet.open(source)


def _is_one_socket(one: int, other: int) -> bool:
    first, second = os.fstat(one), os.fstat(other)
    return stat.S_ISSOCK(first.st_mode) and (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)
