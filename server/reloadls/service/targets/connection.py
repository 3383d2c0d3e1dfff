"""The connection to one running program: what it says is bounded, and a word that can't be is its last."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any, Final

from reloadls.protocol import ConnectionLost, Frame, Framer, dumps, frame
from reloadls.protocol.envelope import Malformed, Notification, Request, Response, classify
from reloadls.service.targets.rate_limit import RateLimit
from reloadls.wire.jsonio import loads, show

__all__ = ["RequestRefused", "TargetConnection"]

MAX_BODY: Final = 1024 * 1024
"""The largest message, in bytes, either way."""
_MAX_PENDING: Final = 32
"""How many requests may wait for an answer."""
_CONNECT_S: Final = 5.0
_UNKNOWN_METHOD: Final = -32601


class RequestRefused(Exception):
    """The program answered a request with an error, or could not be asked."""


class TargetConnection(asyncio.Protocol):
    """Asks, and hands on what comes unasked.

    A program that says what can't be, or more than anyone could want to know, is disconnected: `error` says why.

    Args:
        on_notification: called with method and params. What it raises is a fault of the program's.
    """

    def __init__(self, on_notification: Callable[[str, Any], None]) -> None:
        self.error: str | None = None
        """What was wrong with what it said."""
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when nothing more comes."""
        self.pid: int | None = None
        """The process at the other end as it is called here, 0 if it has no number here; None if that is not known."""
        self._on_notification = on_notification
        self._framer = Framer(MAX_BODY)
        self._loop = asyncio.get_running_loop()
        self._messages = RateLimit(burst=1000, per_second=100)
        self._bytes = RateLimit(burst=8 * MAX_BODY, per_second=MAX_BODY / 4)
        self._transport: asyncio.Transport | None = None
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._last_id = 0

    async def connect(self, path: str) -> None:
        """Connect to the socket at `path`.

        Raises:
            OSError: it can't be done; `ConnectionRefusedError` and `FileNotFoundError` if nobody listens there.
        """
        async with asyncio.timeout(_CONNECT_S):
            await self._loop.create_unix_connection(lambda: self, path)
        if self.error is not None:
            raise PermissionError(self.error)

    def request(self, method: str, params: object = None) -> asyncio.Future[Any]:
        """Ask at once; the future has the result as plain data, or raises `RequestRefused` or `ConnectionLost`.

        Raises:
            RequestRefused: it owes too many answers, or the request is too large.
            ConnectionLost: it is gone.
        """
        self._last_id += 1
        msg_id = self._last_id
        message = {"jsonrpc": "2.0", "id": msg_id, "method": method}
        body = dumps(message if params is None else {**message, "params": params})
        if len(body) > MAX_BODY:
            raise RequestRefused(f"{len(body)} bytes are more than it takes at once")
        if self._transport is None or self._transport.is_closing():
            raise ConnectionLost("it is gone")
        if len(self._pending) >= _MAX_PENDING or self._transport.get_write_buffer_size() > MAX_BODY:
            raise RequestRefused("it has not answered earlier requests yet")
        answer = self._pending[msg_id] = self._loop.create_future()
        answer.add_done_callback(lambda _: self._pending.pop(msg_id, None))
        self._transport.write(frame(body))
        return answer

    def close(self) -> None:
        """Say nothing more, once what was said is sent."""
        if self._transport is not None:
            self._transport.close()

    def _disconnect(self, error: str) -> None:
        self.error = self.error or error
        if self._transport is not None:
            self._transport.abort()

    # -- what asyncio calls ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody listens there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = _peer_credentials(transport.get_extra_info("socket"))
        if peer is not None and peer[1] != os.geteuid():
            self._disconnect(f"it is run by user {peer[1]}")
        self.pid = None if peer is None else peer[0]

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        now = self._loop.time()
        if not self._bytes.take(len(data), now):
            self._disconnect("it says too much")
            return
        for event in self._framer.feed(data):
            if self.error is not None:
                return
            if not isinstance(event, Frame):
                self._disconnect(f"what it says can't be read: {event.reason}")
            elif not self._messages.take(1, now):
                self._disconnect("it says too much")
            else:
                self._process(event.body)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, or was let go."""
        if not self.lost.done():
            self.lost.set_result(None)
        for answer in list(self._pending.values()):
            if not answer.done():
                answer.set_exception(ConnectionLost("it went away before it answered"))

    # -- what it says ------------------------------------------------------------------------------------

    def _process(self, body: bytes) -> None:
        try:
            message = classify(loads(body), self._pending)
            if isinstance(message, Notification):
                self._on_notification(message.method, message.params)
                return
        except Exception as error:
            self._disconnect(f"it says what can't be: {error}")
            return
        match message:
            case Response():
                self._on_response(message)
            case Request(id=msg_id, method=method):
                self._refuse(msg_id, method)
            case Malformed(error=wrong):
                self._disconnect(f"it says what can't be: {wrong.message}")

    def _on_response(self, response: Response) -> None:
        answer = self._pending.get(response.id) if isinstance(response.id, int) else None
        if answer is None or answer.done():
            return  # whoever asked waits no longer
        if response.error is None:
            answer.set_result(response.result)
        else:
            message = response.error.get("message") if isinstance(response.error, dict) else None
            answer.set_exception(RequestRefused(message if isinstance(message, str) else show(response.error)))

    def _refuse(self, msg_id: int | str, method: str) -> None:
        if self._transport is not None and self._transport.get_write_buffer_size() < MAX_BODY:
            error = {"code": _UNKNOWN_METHOD, "message": f"unknown method {show(method)}"}
            self._transport.write(frame(dumps({"jsonrpc": "2.0", "id": msg_id, "error": error})))


def _peer_credentials(connection: socket.socket) -> tuple[int, int] | None:
    """(process, user) at the other end, where the system tells; the process is 0 if it is in another PID namespace."""
    if sys.platform != "linux":
        return None
    with contextlib.suppress(OSError):
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _ = struct.unpack("3i", credentials)
        return pid, uid
    return None
