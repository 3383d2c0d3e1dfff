"""Messages between a pool and a worker: length and pickle, over a private pair of sockets, with back-pressure."""

from __future__ import annotations

import asyncio
import pickle
import socket
import struct
from contextlib import suppress
from typing import Any, Final

__all__ = ["MOST", "Channel", "TooLarge"]

_LENGTH: Final = struct.Struct("!I")
MOST: Final = 256 * 2**20
"""How large one message may be, in bytes."""

Message = tuple[Any, ...]


class TooLarge(ValueError):
    """A message is larger than one may be."""


class _Reader(asyncio.StreamReader):
    """What was received before the other end died is read to its end; asyncio's own drops it where that resets."""

    def set_exception(self, exc: Exception) -> None:
        """The connection was lost."""
        if isinstance(exc, ConnectionError):
            self.feed_eof()
        else:
            super().set_exception(exc)


class _Sending(asyncio.StreamReaderProtocol):
    """Receives nothing."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Read nothing from now on."""
        assert isinstance(transport, asyncio.ReadTransport)
        transport.pause_reading()
        super().connection_made(transport)


class Channel:
    """One end. Used on one event loop."""

    def __init__(
        self, reader: asyncio.StreamReader, receiving: asyncio.BaseTransport, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._receiving = receiving
        self._writer = writer

    @classmethod
    async def open(cls, end: socket.socket) -> Channel:
        """Use one of a pair of sockets."""
        end.setblocking(False)
        loop = asyncio.get_running_loop()
        # Two transports: one that can't write any more closes itself, and with it what could still be read.
        reader, nothing = _Reader(), _Reader()
        receiving, _ = await loop.create_connection(lambda: asyncio.StreamReaderProtocol(reader), sock=end)
        protocol = _Sending(nothing)
        sending, _ = await loop.create_connection(lambda: protocol, sock=end.dup())
        return cls(reader, receiving, asyncio.StreamWriter(sending, protocol, nothing, loop))

    def send(self, *message: Any) -> None:
        """Send a message; one that the other end is too slow for is kept.

        Raises:
            TooLarge: it is too large.
        """
        body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        if len(body) > MOST:
            raise TooLarge(f"{len(body)} bytes are more than {MOST} for one message")
        if not self._writer.is_closing():
            self._writer.write(_LENGTH.pack(len(body)) + body)

    async def drained(self) -> None:
        """Return when the other end has read most of what was sent. Does nothing once that has ended."""
        try:
            await self._writer.drain()
        except ConnectionError:
            return

    async def receive(self) -> Message | None:
        """The next message; None once the other end has closed or died."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            body = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        message: Message = pickle.loads(body)  # noqa: S301 - our own process wrote it
        return message

    async def finish(self) -> None:
        """Close this end, after all that was sent."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()
        self._receiving.close()

    def close(self) -> None:
        """Close this end at once: what was not sent yet would keep it open where nobody reads."""
        self._writer.transport.abort()
        self._receiving.close()
