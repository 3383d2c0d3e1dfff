"""A WebSocket client: one JSON-RPC message per WebSocket message, without a header.

The library `websockets` parses the handshake and the frames; it does no I/O here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol

from reloadls.base.text import shown
from reloadls.wire.framing import MAX_BODY

from .connection import Connection
from .conversation import resolve

__all__ = ["WebSocketConnection"]

_LONGEST_REASON: Final = 300
_DATA: Final = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


class WebSocketConnection(Connection):
    """Carries messages in WebSocket frames.

    Args:
        name: see `Connection`.
        drop_after: see `Connection`.
        origins: the allowed origins; a request without an origin is accepted.
        on_bearer: called with the token of an `Authorization` header; returns whether it is valid.
    """

    has_frames = True

    def __init__(
        self, name: str, *, drop_after: float, origins: Sequence[str], on_bearer: Callable[[str], bool]
    ) -> None:
        super().__init__(name, drop_after=drop_after)
        allowed = [None, *(Origin(origin) for origin in origins)]
        self._frames = ServerProtocol(
            origins=allowed, max_size=MAX_BODY, logger=_quiet, select_subprotocol=_first_offered
        )
        self.close_code = CloseCode.NORMAL_CLOSURE
        """The close code that is sent."""
        self._on_bearer = on_bearer
        self.on_frames: Callable[[int], None] = lambda _: None
        """Called with the number of frames received so far, before the last one is processed."""
        self._frame_count = 0
        self._parts: list[bytes] = []
        self._accepted = False

    def write(self, data: bytes) -> None:
        """Send one message without waiting; it is dropped if the client has disconnected."""
        if self._frames.state is State.OPEN:
            self._frames.send_text(data)
            self._send_frames()

    def refuse(self) -> None:
        """Close with code 1008 (policy violation)."""
        self.close_code = CloseCode.POLICY_VIOLATION

    def _send_close(self) -> None:
        if self._frames.state is State.OPEN:
            self._frames.send_close(self.close_code)
            self._send_frames()

    def _process(self, data: bytes) -> None:
        self._frames.receive_data(data)
        for event in self._frames.events_received():
            self._frame_count += 1
            self.on_frames(self._frame_count)
            if isinstance(event, Request):
                self._frames.send_response(self._answer(event))
            elif self._accepted and isinstance(event, Frame) and event.opcode in _DATA:
                self._process_part(event)
        self._send_frames()
        if self._frames.close_expected():
            resolve(self.ended)

    def _answer(self, request: Request) -> Response:
        response = self._frames.accept(request)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            reason = response.body.decode("utf-8", "replace").strip()
            self.log_refusal(shown(reason[:_LONGEST_REASON]))
            return response
        given = request.headers.get_all("Authorization")
        if given and not self._is_authorized(given):
            return self._frames.reject(HTTPStatus.UNAUTHORIZED, "The Authorization header holds no valid token.\n")
        self._accepted = True
        return response

    def _is_authorized(self, given: Sequence[str]) -> bool:
        scheme, _, token = given[0].partition(" ")
        return len(given) == 1 and scheme.lower() == "bearer" and self._on_bearer(token.strip())

    def _process_part(self, frame: Frame) -> None:
        self._parts.append(bytes(frame.data))
        if frame.fin:
            message, self._parts = b"".join(self._parts), []
            self.on_input(message)

    def _send_frames(self) -> None:
        for data in self._frames.data_to_send():
            if data:
                self._send(data)


def _first_offered(_protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Browsers close a connection if the server chooses none of the subprotocols they offer."""
    return offered[0] if offered else None


_quiet = logging.getLogger("reloadls.websocket")
# The library would log the content of every frame, the token of `initialize` included.
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False
_quiet.setLevel(logging.CRITICAL)
