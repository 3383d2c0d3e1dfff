"""The local socket: serves any number of clients and never blocks on one of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from typing import Any, Final

from reloadls.base.peer import peer_credentials
from reloadls.wire import methods

from .encode import MAX_BODY, Framer, InvalidMessage, frame
from .requests import RequestHandler, handle

__all__ = ["LocalServer"]

_MAX_CLIENTS: Final = 64
_MAX_FOLLOWERS: Final = 256
"""How many processes may follow this one; at most a quarter of its descriptors are used for them."""
_MAX_UNSENT: Final = MAX_BODY
"""A client with more unsent bytes than this is disconnected."""
_MAX_OPEN: Final = 32
"""How many requests of one client may be pending."""

_log = logging.getLogger(__name__)


class LocalServer:
    """Serves clients on a listening socket, from `start` to `close`. Created and used on one event loop.

    Args:
        listener: a listening, non-blocking Unix domain socket.
        handler: carries out the requests.
    """

    def __init__(self, listener: socket.socket, handler: RequestHandler) -> None:
        self._listener = listener
        self._handler = handler
        self._clients: set[_Client] = set()
        self._accepting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start accepting clients."""
        self._accepting = asyncio.create_task(self._accept(), name="reloadls-accept")

    def close(self) -> None:
        """Stop accepting, and disconnect all clients."""
        if self._accepting is not None:
            self._accepting.cancel()
        for client in list(self._clients):
            client.drop()

    @property
    def followers(self) -> list[_Client]:
        """The clients that receive changes."""
        return [client for client in self._clients if client.follows]

    def pid_of(self, client: object) -> int | None:
        """Return the pid of a follower; None for another client."""
        return client.pid if isinstance(client, _Client) and client.follows else None

    def add_follower(self, client: object) -> bool:
        """Make a client a follower, which does not count as a client any more; return False if there are too many."""
        if not isinstance(client, _Client) or client not in self._clients:
            return False
        client.follows = client.follows or len(self.followers) < _most_followers()
        return client.follows

    @property
    def has_clients(self) -> bool:
        """Whether anybody is connected."""
        return bool(self._clients)

    def notify(self, method: str, params: object, *, followers: bool = False) -> int:
        """Send a notification to all clients, or to followers only. Returns its size in bytes; 0 if there are none."""
        clients = self.followers if followers else list(self._clients)
        data = frame({"jsonrpc": "2.0", "method": method, "params": params}) if clients else b""
        for client in clients:
            client.send(data)
        return len(data)

    def sockets(self) -> list[socket.socket]:
        """Return all open sockets, for a forked child to close."""
        return [self._listener, *(client.connection for client in list(self._clients))]

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                if self._listener.fileno() < 0:
                    return
                _log.warning("accepting a client failed: %s", error)
                await asyncio.sleep(0.1)  # most likely out of descriptors
                continue
            with contextlib.suppress(OSError):  # it has already disconnected
                await self._admit(loop, connection)

    async def _admit(self, loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
        connection.setblocking(False)
        if len(self._clients) - len(self.followers) >= _MAX_CLIENTS or not _is_ours(connection):
            connection.close()
            return
        pid = (peer_credentials(connection) or (0, 0))[0]
        client = _Client(connection, self._handler, self._clients, pid)
        await loop.connect_accepted_socket(lambda: client, connection)


class _Client(asyncio.Protocol):
    """One client."""

    def __init__(self, connection: socket.socket, handler: RequestHandler, clients: set[_Client], pid: int) -> None:
        self.connection = connection
        self.pid = pid
        self.follows = False
        self._handler = handler
        self._clients = clients
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._open: set[asyncio.Task[None]] = set()

    def send(self, data: bytes) -> None:
        """Send, unless the client has stopped reading."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > _MAX_UNSENT:
            _log.info("disconnecting a client of the reload socket: it does not read")
            self.drop()
        else:
            self._transport.write(data)

    def drop(self) -> None:
        """Disconnect at once."""
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the status to the new client."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._clients.add(self)
        params = self._handler.status()
        self.send(frame({"jsonrpc": "2.0", "method": methods.DID_CHANGE_STATUS, "params": params}))

    def data_received(self, data: bytes) -> None:
        """Parse and handle what the client sent."""
        try:
            for body in self._framer.feed(data):
                self._take(body)
        except InvalidMessage as error:
            self._refuse(-32700, str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the client's requests, and undo its pause."""
        self._clients.discard(self)
        self._handler.on_disconnect(self)
        for task in self._open:
            task.cancel()

    # -- requests

    def _take(self, body: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if len(self._open) >= _MAX_OPEN:
            self._refuse(-32600, "too many pending requests")
            return
        task = asyncio.create_task(self._answer(body), name="reloadls-request")
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _answer(self, body: bytes) -> None:
        response = await handle(body, self._handler, self)
        if response is not None:
            self.send(frame(response))

    def _refuse(self, code: int, message: str) -> None:
        """Send an error, and disconnect."""
        error: dict[str, Any] = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
        self.send(frame(error))
        if self._transport is not None:
            self._transport.close()


def _most_followers() -> int:
    import resource  # noqa: PLC0415 - not on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MAX_FOLLOWERS if soft < 0 else min(_MAX_FOLLOWERS, soft // 4)


def _is_ours(connection: socket.socket) -> bool:
    """Return whether the peer runs as the same user, or as root, which can do anything anyway."""
    if sys.platform != "linux":
        return True  # the folder's permissions exclude other users
    credentials = peer_credentials(connection)
    return credentials is not None and credentials[1] in (os.geteuid(), 0)
