"""The JSON-RPC connection to one running program, which is disconnected on invalid or excessive input."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any, Final

from reloadls.base.peer import peer_credentials
from reloadls.protocol import ConnectionLost, Frame, Framer, dumps, frame
from reloadls.protocol.envelope import Malformed, Notification, Request, Response, classify
from reloadls.service.targets.rate_limit import RateLimit
from reloadls.wire.jsonio import loads
from reloadls.wire.text import show

__all__ = ["RequestRefused", "TargetConnection"]

MAX_BODY: Final = 1024 * 1024
"""The largest message in either direction, in bytes."""
_MAX_PENDING: Final = 32
"""The most requests that may wait for a response."""
_CONNECT_S: Final = 5.0
_UNKNOWN_METHOD: Final = -32601


class RequestRefused(Exception):
    """The program answered a request with an error, or the request could not be sent."""


class TargetConnection(asyncio.Protocol):
    """Sends requests to a program and passes on its notifications.

    A program that sends invalid messages, or too many, is disconnected; `error` holds the reason.

    Args:
        on_notification: called with method and params. An exception from it counts as an invalid message.
    """

    def __init__(self, on_notification: Callable[[str, Any], None]) -> None:
        self.error: str | None = None
        """Why the program was disconnected; None if it was not."""
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the connection is closed."""
        self.pid: int | None = None
        """The process ID of the peer in our PID namespace, 0 if it has none there, None if unknown."""
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
            OSError: the connection failed; `ConnectionRefusedError` or `FileNotFoundError` if no process listens.
            TimeoutError: the program did not accept within 5 seconds.
        """
        async with asyncio.timeout(_CONNECT_S):
            await self._loop.create_unix_connection(lambda: self, path)
        if self.error is not None:
            raise PermissionError(self.error)

    def request(self, method: str, params: object = None) -> asyncio.Future[Any]:
        """Send a request without waiting.

        Args:
            method: the method.
            params: plain data; None leaves `params` out.

        Returns:
            A future of the result as plain data; it raises `RequestRefused` or `ConnectionLost`.

        Raises:
            RequestRefused: too many requests are pending, or this one is too large.
            ConnectionLost: the connection is closed.
        """
        self._last_id += 1
        msg_id = self._last_id
        message = {"jsonrpc": "2.0", "id": msg_id, "method": method}
        body = dumps(message if params is None else {**message, "params": params})
        if len(body) > MAX_BODY:
            raise RequestRefused(f"the request of {len(body)} bytes exceeds the limit of {MAX_BODY}")
        if self._transport is None or self._transport.is_closing():
            raise ConnectionLost("the connection is closed")
        if len(self._pending) >= _MAX_PENDING or self._transport.get_write_buffer_size() > MAX_BODY:
            raise RequestRefused("it has not answered earlier requests yet")
        answer = self._pending[msg_id] = self._loop.create_future()
        answer.add_done_callback(lambda _: self._pending.pop(msg_id, None))
        self._transport.write(frame(body))
        return answer

    def close(self) -> None:
        """Close the connection once everything written is sent."""
        if self._transport is not None:
            self._transport.close()

    def _disconnect(self, error: str) -> None:
        self.error = self.error or error
        if self._transport is not None:
            self._transport.abort()

    # -- what asyncio calls ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Check the peer's user. See `asyncio.BaseProtocol`."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = peer_credentials(transport.get_extra_info("socket"))
        if peer is not None and peer[1] != os.geteuid():
            self._disconnect(f"run by another user ({peer[1]})")
        self.pid = None if peer is None else peer[0]

    def data_received(self, data: bytes) -> None:
        """Process received bytes. See `asyncio.Protocol`."""
        now = self._loop.time()
        if not self._bytes.take(len(data), now):
            self._disconnect("sent too many messages")
            return
        for event in self._framer.feed(data):
            if self.error is not None:
                return
            if not isinstance(event, Frame):
                self._disconnect(f"sent an unreadable message: {event.reason}")
            elif not self._messages.take(1, now):
                self._disconnect("sent too many messages")
            else:
                self._process(event.body)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the pending requests. See `asyncio.BaseProtocol`."""
        if not self.lost.done():
            self.lost.set_result(None)
        for answer in list(self._pending.values()):
            if not answer.done():
                answer.set_exception(ConnectionLost("it disconnected before it answered"))

    # -- messages ----------------------------------------------------------------------------------------

    def _process(self, body: bytes) -> None:
        try:
            message = classify(loads(body), self._pending)
            if isinstance(message, Notification):
                self._on_notification(message.method, message.params)
                return
        except Exception as error:
            self._disconnect(f"sent an invalid message: {error}")
            return
        match message:
            case Response():
                self._on_response(message)
            case Request(id=msg_id, method=method):
                self._refuse(msg_id, method)
            case Malformed(error=wrong):
                self._disconnect(f"sent an invalid message: {wrong.message}")

    def _on_response(self, response: Response) -> None:
        answer = self._pending.get(response.id) if isinstance(response.id, int) else None
        if answer is None or answer.done():
            return  # the request was cancelled
        if response.error is None:
            answer.set_result(response.result)
        else:
            message = response.error.get("message") if isinstance(response.error, dict) else None
            answer.set_exception(RequestRefused(message if isinstance(message, str) else show(response.error)))

    def _refuse(self, msg_id: int | str, method: str) -> None:
        if self._transport is not None and self._transport.get_write_buffer_size() < MAX_BODY:
            error = {"code": _UNKNOWN_METHOD, "message": f"unknown method {show(method)}"}
            self._transport.write(frame(dumps({"jsonrpc": "2.0", "id": msg_id, "error": error})))
