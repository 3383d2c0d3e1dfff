"""A client that speaks WebSocket: one JSON-RPC message in each, without a header.

The handshake and the frames are those of the library `websockets`, which does no I/O here.
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
        origins: the web pages that may connect; a request that comes from none is taken.
        on_bearer: told the token in an `Authorization` header; returns whether it is good.
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
        """How the connection is closed."""
        self._on_bearer = on_bearer
        self.on_frames: Callable[[int], None] = lambda _: None
        """Called with the number of frames received so far, before the last of them is acted on."""
        self._frame_count = 0
        self._parts: list[bytes] = []
        self._accepted = False

    def write(self, data: bytes) -> None:
        """Send one message; never waits, and drops it if the client is gone."""
        if self._frames.state is State.OPEN:
            self._frames.send_text(data)
            self._send_frames()

    def refuse(self) -> None:
        """The client may not be here; the connection ends with 1008."""
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
            return self._frames.reject(HTTPStatus.UNAUTHORIZED, "The Authorization header holds no good token.\n")
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
    """Browsers end a connection whose server chooses none of the subprotocols that they offer."""
    return offered[0] if offered else None


_quiet = logging.getLogger("reloadls.websocket")
# What the library would log is every frame with what is in it, the token of `initialize` too.
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False
_quiet.setLevel(logging.CRITICAL)
