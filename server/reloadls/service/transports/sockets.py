"""Serve any number of clients on a listening socket, each isolated from the others."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final, Protocol

from reloadls.protocol import RequestFailed, SafeProtocol, dumps

from .authentication import Authenticator
from .connection import Connection
from .conversation import converse, resolve
from .refusal_log import RefusalLog

__all__ = ["Limits", "Server", "serve_clients"]

_log = logging.getLogger(__name__)

_OUT_OF_RESOURCES: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PAUSE_S: Final = 0.5
"""Seconds between two attempts to accept while the system is out of descriptors or memory."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a client, in particular before it is authenticated."""

    drop_after: float = 60.0
    """Seconds after which a client that reads none of its pending data is disconnected."""
    token_timeout: float = 10.0
    """Seconds until the token must have arrived."""
    token_bytes: int = 64 * 1024
    """The most bytes before the token."""
    token_messages: int = 32
    """The most messages before the token, WebSocket frames included."""
    token_clients: int = 64
    """The most unauthenticated clients at a time; beyond that the oldest is refused."""


class Server(Protocol):
    """One client's server: `ReloadServer`."""

    @property
    def protocol(self) -> SafeProtocol:
        """The protocol object of the connection."""

    def admit(self) -> None:
        """Register the handlers. Called once, when the client is authenticated; until then only the token is read."""

    async def end(self) -> None:
        """End the client's session."""


async def serve_clients(
    listening: socket.socket,
    make_server: Callable[[], Server],
    *,
    draining: asyncio.Future[None],
    token: str | None = None,
    origins: Sequence[str] | None = None,
    limits: Limits | None = None,
    on_exhausted: Callable[[], None] = lambda: None,
) -> None:
    """Serve clients until `draining` is done, then wait until every conversation has ended.

    Args:
        listening: a listening socket; closed at the end.
        make_server: creates the server of one client.
        draining: done when the process shall end.
        token: the token that clients must send; None: none is required.
        origins: the allowed origins, if clients speak WebSocket; None: they use LSP framing.
        limits: the limits of each client.
        on_exhausted: called when the system is out of descriptors or memory, to free some.
    """
    clients = _Clients(
        make_server, draining, token=token, origins=origins, limits=limits or Limits(), on_exhausted=on_exhausted
    )
    accepting = asyncio.create_task(clients.accept(listening))
    try:
        await asyncio.wait({draining, accepting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        accepting.cancel()
        await asyncio.wait({accepting})
        listening.close()
        resolve(draining)
        await clients.close()
    if not accepting.cancelled():
        await accepting


class _Clients:
    def __init__(
        self,
        make_server: Callable[[], Server],
        draining: asyncio.Future[None],
        *,
        token: str | None,
        origins: Sequence[str] | None,
        limits: Limits,
        on_exhausted: Callable[[], None],
    ) -> None:
        self._make_server = make_server
        self._draining = draining
        self._token = token
        self._origins = origins
        self._limits = limits
        self._on_exhausted = on_exhausted
        if origins is not None:
            # Not on the first connection: no descriptor may be left to read the module.
            from . import websocket  # noqa: F401, PLC0415
        self._numbers = count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusals = RefusalLog()
        self._unauthenticated: dict[_ClientConnection, None] = {}

    async def accept(self, listening: socket.socket) -> None:
        """Accept clients until cancelled."""
        loop = asyncio.get_running_loop()
        exhausted = False
        while True:
            try:
                client, _ = await loop.sock_accept(listening)
            except OSError as error:
                if listening.fileno() < 0:
                    raise
                if error.errno in _OUT_OF_RESOURCES and not exhausted:
                    _log.warning("can't accept another client, retrying: %s", error)
                    self._on_exhausted()
                exhausted = exhausted or error.errno in _OUT_OF_RESOURCES
                await asyncio.sleep(_PAUSE_S)
                continue
            if exhausted:
                _log.warning("accepting clients again")
                exhausted = False
            task = asyncio.create_task(self._serve(client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait until every conversation has ended."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._refusals.end()

    async def _serve(self, client: socket.socket) -> None:
        name = f"client {next(self._numbers)}"
        try:
            client_connection = _ClientConnection(
                name,
                self._make_server(),
                token=self._token,
                origins=self._origins,
                limits=self._limits,
                refusals=self._refusals,
            )
            await asyncio.get_running_loop().connect_accepted_socket(lambda: client_connection.connection, client)
        except Exception as error:
            exhausted = isinstance(error, OSError) and error.errno in _OUT_OF_RESOURCES
            _log.warning("can't serve %s: %s", name, error, exc_info=None if exhausted else error)
            client.close()
            return
        _log.info("%s connected", name)
        self._limit_unauthenticated(client_connection)
        try:
            await client_connection.run(self._draining)
        except Exception:
            _log.exception("the conversation with %s failed", name)
        finally:
            self._unauthenticated.pop(client_connection, None)
        _log.info("%s disconnected", name)

    def _limit_unauthenticated(self, client_connection: _ClientConnection) -> None:
        if client_connection.is_authenticated:
            return
        self._unauthenticated = {other: None for other in self._unauthenticated if not other.is_authenticated} | {
            client_connection: None
        }
        for oldest in list(self._unauthenticated)[: len(self._unauthenticated) - self._limits.token_clients]:
            del self._unauthenticated[oldest]
            oldest.refuse(f"sent no token while more than {self._limits.token_clients} clients were unauthenticated")


class _ClientConnection:
    """One client: its connection, authentication and server."""

    def __init__(
        self,
        name: str,
        server: Server,
        *,
        token: str | None,
        origins: Sequence[str] | None,
        limits: Limits,
        refusals: RefusalLog,
    ) -> None:
        self._name = name
        self._server = server
        self._limits = limits
        self._refusals = refusals
        self._authenticator = Authenticator(token, on_accepted=self._on_accepted, on_refused=self._on_refused)
        self.connection = self._connect(origins)
        self.connection.log_refusal = self._log_refusal
        server.protocol.admit = self._authenticator.admit
        server.protocol.on_received = self._count
        server.protocol.set_writer(self.connection, include_headers=not self.connection.has_frames)
        if self._authenticator.is_authenticated:
            server.admit()
        else:
            self.connection.allowance = limits.token_bytes
            self.connection.on_excess = lambda: self.refuse(f"sent no token within {limits.token_bytes} bytes")

    @property
    def is_authenticated(self) -> bool:
        """Whether the client has sent the token, or needs none."""
        return self._authenticator.is_authenticated

    def _connect(self, origins: Sequence[str] | None) -> Connection:
        if origins is None:
            connection = Connection(self._name, drop_after=self._limits.drop_after)
            connection.on_input = self._server.protocol.feed
            return connection
        from .websocket import WebSocketConnection  # noqa: PLC0415 - needs an extra

        over_frames = WebSocketConnection(
            self._name, drop_after=self._limits.drop_after, origins=origins, on_bearer=self._authenticator.accepts
        )
        over_frames.on_frames = self._count
        over_frames.on_input = self._on_message
        return over_frames

    def _count(self, received: int) -> None:
        """Refuse a client that sends too many messages without the token: each costs more than its bytes."""
        most = self._limits.token_messages
        if received > most and not self._authenticator.is_authenticated and self._server.protocol.exit_code is None:
            self.refuse(f"sent no token within {most} messages")

    def _on_message(self, body: bytes) -> None:
        if self._server.protocol.exit_code is None:  # as `feed` does
            self._server.protocol.receive_body(body)

    async def run(self, draining: asyncio.Future[None]) -> None:
        """Run the conversation and end the session."""
        within = self._limits.token_timeout
        deadline = asyncio.get_running_loop().call_later(within, self._refuse_on_timeout)
        try:
            await converse(
                self._server.protocol,
                self.connection,
                ended=self.connection.ended,
                draining=draining,
                end=self._server.end,
            )
        finally:
            deadline.cancel()
            self.connection.close()
            await self._server.end()

    def _on_accepted(self) -> None:
        self.connection.allowance = None
        self._server.admit()

    def _log_refusal(self, reason: str) -> None:
        self._refusals.log(self._name, reason)

    def _on_refused(self, reason: str) -> None:
        self._log_refusal(reason)
        self.connection.refuse()
        self._server.protocol.stop()

    def _refuse_on_timeout(self) -> None:
        if not self._authenticator.is_authenticated:
            self.refuse(f"sent no token within {self._limits.token_timeout:g} s")

    def refuse(self, reason: str) -> None:
        """Send the reason as an error, and end the conversation."""
        error = RequestFailed(reason)
        message = {"code": error.code, "message": error.message, "data": error.data}
        self._server.protocol.send_body(dumps({"jsonrpc": "2.0", "id": None, "error": message}))
        self._on_refused(reason)
