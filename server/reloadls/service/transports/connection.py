"""One client's socket, with back-pressure and bounds in both directions."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final, cast

from reloadls.base.event import Event

from .conversation import resolve
from .stall import StallDetector

__all__ = ["Connection"]

_log = logging.getLogger(__name__)

_HIGH_WATER: Final = 256 * 1024
"""Unsent bytes beyond which `drain` waits."""
_MAX_UNSENT: Final = 16 * 1024 * 1024
"""Unsent bytes above which input is paused, so that a client that does not read its replies has to wait."""
_SLICE: Final = 512
"""Bytes processed at once while there is an allowance, so that other clients are served in between."""
_FLUSH_S: Final = 2.0
"""Seconds that sending the last messages may take."""
_LINGER_S: Final = 0.5
"""Seconds that the client may take to close its end: closing on unread input may destroy data in flight to it."""


class Connection(asyncio.Protocol):
    """Carries framed messages; a writer for `SafeProtocol` and a `ClientStream`.

    Args:
        name: the client's name in the log.
        drop_after: seconds after which a client that reads none of its pending data is disconnected.
    """

    has_frames = False
    """Whether the transport frames each message itself."""

    def __init__(self, name: str, *, drop_after: float) -> None:
        self.name = name
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the client has sent its last byte, or disconnected."""
        self.on_input: Callable[[bytes], None] = lambda _: None
        """Called with received data: bytes, or whole messages if `has_frames`."""
        self.allowance: int | None = None
        """Bytes that are processed, in slices, before `on_excess` is called; None: no limit."""
        self.on_excess: Callable[[], None] = lambda: None
        self.log_refusal: Callable[[str], None] = lambda reason: _log.warning("refusing %s: %s", name, reason)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._input_stopped = False
        self._received = bytearray()  # received, not processed yet
        self._next: asyncio.Handle | None = None
        self._writable = Event()
        self._writable.set()
        self._written = 0
        self._stall = StallDetector(drop_after)
        self._stall_interval = drop_after / 4
        self._stall_timer: asyncio.TimerHandle | None = None

    # -- sending -----------------------------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """The number of unsent bytes."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        """Send one message without waiting; it is dropped if the client has disconnected."""
        self._send(data)

    async def drain(self) -> None:
        """Wait until more can be written, or the connection is closed."""
        await self._writable.wait()

    async def flush(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds until everything is sent; return whether it is."""
        if self._transport is not None and not self.is_closing():
            self._transport.set_write_buffer_limits(high=0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._writable.wait()
        return self.pending == 0

    def is_closing(self) -> bool:
        """Return whether the connection is closing or closed."""
        return self._transport is None or self._transport.is_closing()

    def close(self) -> None:
        """Close at once, dropping unsent data."""
        if self._stall_timer is not None:
            self._stall_timer.cancel()
        if self._transport is not None:
            self._transport.abort()
        self._writable.set()

    def _send(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            _log.debug("dropped %d bytes: %s has disconnected", len(data), self.name)
            return
        self._written += len(data)
        self._transport.write(data)
        if self._stall_timer is None and self.pending:
            self._watch_for_stall()

    def _watch_for_stall(self) -> None:
        waiting, now = self.pending, self._loop.time()
        self._stall_timer = None
        if self._stall.is_stalled(self._written - waiting, waiting, now):
            _log.warning("disconnecting %s: it reads nothing while %d bytes are pending", self.name, waiting)
            self.close()
        elif waiting:
            self._stall_timer = self._loop.call_later(self._stall_interval, self._watch_for_stall)

    # -- closing -----------------------------------------------------------------------------------------

    def stop_reading(self) -> None:
        """Stop reading; input that still arrives is dropped."""
        self._input_stopped = True
        self._received.clear()

    async def close_gracefully(self) -> None:
        """Send pending data, within a time limit, and close."""
        self._send_close()
        sent = await self.flush(_FLUSH_S)
        if sent and self._transport is not None and not self.is_closing():
            with contextlib.suppress(OSError, RuntimeError, NotImplementedError):
                self._transport.write_eof()
                self._transport.resume_reading()
            await asyncio.wait({self.ended, self._lost}, timeout=_LINGER_S, return_when=asyncio.FIRST_COMPLETED)
        self.close()

    def refuse(self) -> None:
        """Mark the client as refused, for transports that report it when closing."""

    def _send_close(self) -> None:
        """Send the closing message, for transports that have one."""

    # -- what asyncio calls ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_HIGH_WATER, low=_HIGH_WATER // 2)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._input_stopped:
            return
        self._received += data
        if self._next is None:
            self._process_received()

    def _process_received(self) -> None:
        self._next = None
        while self._received and not self._input_stopped and self.allowance is None:
            data, self._received = bytes(self._received), bytearray()
            self._process_safely(data)
        if self._received and not self._input_stopped:
            self._process_slice(self.allowance or 0)
        self._control_reading()

    def _process_slice(self, allowed: int) -> None:
        piece = bytes(self._received[: min(allowed, _SLICE)])
        del self._received[: len(piece)]
        self.allowance = allowed - len(piece)
        self._process_safely(piece)  # may lift the limit
        if self.allowance == 0:
            self._received.clear()
            self.on_excess()
        elif self._received:
            self._next = self._loop.call_soon(self._process_received)

    def _process_safely(self, data: bytes) -> None:
        try:
            self._process(data)
        except Exception:
            _log.exception("internal error in processing input of %s: disconnecting it", self.name)
            self._input_stopped = True
            self.close()

    def _control_reading(self) -> None:
        """Continue reading, unless input is pending or the client does not read its replies."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._next is not None or self.pending > _MAX_UNSENT:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _process(self, data: bytes) -> None:
        self.on_input(data)

    def eof_received(self) -> bool:
        """The client has sent its last byte, but may still read. See `asyncio.Protocol`."""
        resolve(self.ended)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        _log.debug("%s disconnected: %s", self.name, exc)
        resolve(self._lost)
        resolve(self.ended)
        self.close()

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._writable.set()
        self._control_reading()
