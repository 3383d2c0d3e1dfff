"""The editor's end where standard input and output are one socket, as inetd and some editors make them.

Two transports can't share a socket: one that only writes takes anything to be read there for the end.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import stat
from typing import Final, cast

from reloadls.proxy.pipes import HIGH_WATER, Inlet, Outlet

__all__ = ["open_both"]

_LOOK_S: Final = 0.5
"""How often, in seconds, it is looked whether an editor that sends nothing more still reads."""


async def open_both(inlet: Inlet, source: int, outlet: Outlet, sink: int) -> None:
    """Begin to read from `source` and to write to `sink`; both are closed in the end."""
    if not _is_one_socket(source, sink):
        await outlet.open(sink)
        await inlet.open(source)
        return
    duplex = _Duplex(inlet, source, outlet, sink)
    await asyncio.get_running_loop().connect_accepted_socket(lambda: duplex, socket.socket(fileno=os.dup(sink)))


def _is_one_socket(one: int, other: int) -> bool:
    first, second = os.fstat(one), os.fstat(other)
    return stat.S_ISSOCK(first.st_mode) and (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)


class _Duplex(asyncio.Protocol):
    """The socket's protocol, and the inlet's transport: to close that only ends reading."""

    transport: asyncio.Transport

    def __init__(self, inlet: Inlet, source: int, outlet: Outlet, sink: int) -> None:
        self._inlet, self._source = inlet, source
        self._outlet, self._sink = outlet, sink
        self._look: asyncio.TimerHandle | None = None

    # -- for the inlet -------------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        """Take nothing for now."""
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on."""
        self.transport.resume_reading()

    def close(self) -> None:
        """Read no more."""
        self.transport.pause_reading()
        self._inlet.connection_lost(None)

    # -- what asyncio calls --------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(HIGH_WATER, HIGH_WATER // 4)
        self._inlet.use(self, self._source)
        self._outlet.use(self.transport, self._sink)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if not self._inlet.ended.is_set():
            self._inlet.data_received(data)

    def eof_received(self) -> bool:
        """The editor sends nothing more, but may still read."""
        self._inlet.connection_lost(None)
        self._look_for_reader()
        return True

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._outlet.pause_writing()

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._outlet.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        if self._look is not None:
            self._look.cancel()
        self._inlet.connection_lost(exc)
        self._outlet.connection_lost(exc)

    def _look_for_reader(self) -> None:
        """A socket whose other end is closed hangs up; one that is only shut for writing does not."""
        if self.transport.is_closing():
            return
        poll = select.poll()
        poll.register(self.transport.get_extra_info("socket").fileno(), 0)
        if any(events & (select.POLLHUP | select.POLLERR) for _, events in poll.poll(0)):
            self.transport.abort()
            return
        self._look = asyncio.get_running_loop().call_later(_LOOK_S, self._look_for_reader)
