"""The local socket: any number of clients, each told at once, none of them waited for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
import sys
from typing import Any, Final

from .encode import MAX_BODY, Framer, InvalidMessage, frame
from .requests import RequestHandler, handle

__all__ = ["LocalServer"]

_MAX_CLIENTS: Final = 64
_MAX_FOLLOWERS: Final = 256
"""Processes that are told of changes. No more than a quarter of the descriptors that a process may have."""
_MAX_UNSENT: Final = MAX_BODY
"""A client that takes nothing until there are so many bytes for it is let go."""
_MAX_OPEN: Final = 32
"""How many of a client's requests may wait for their answers."""

_log = logging.getLogger(__name__)


class LocalServer:
    """Serves clients on a listening socket, from `start` to `close`. Made and used on one event loop.

    Args:
        listening: a Unix domain socket that listens, not blocking.
        answers: what clients may ask.
    """

    def __init__(self, listener: socket.socket, handler: RequestHandler) -> None:
        self._listener = listener
        self._handler = handler
        self._clients: set[_Client] = set()
        self._accepting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to serve."""
        self._accepting = asyncio.create_task(self._accept(), name="reloadls-accept")

    def close(self) -> None:
        """Serve nobody any more."""
        if self._accepting is not None:
            self._accepting.cancel()
        for client in list(self._clients):
            client.drop()

    @property
    def followers(self) -> list[_Client]:
        """The clients that are told of changes."""
        return [client for client in self._clients if client.follows]

    def add_follower(self, client: object) -> bool:
        """Whether a client is told of changes from now on. It takes no other one's place then."""
        if not isinstance(client, _Client) or client not in self._clients:
            return False
        client.follows = client.follows or len(self.followers) < _most_followers()
        return client.follows

    def notify(self, method: str, params: object, *, followers: bool = False) -> None:
        """Send a notification: to everyone, or to followers only."""
        clients = self.followers if followers else list(self._clients)
        data = frame({"jsonrpc": "2.0", "method": method, "params": params}) if clients else b""
        for client in clients:
            client.send(data)

    def sockets(self) -> list[socket.socket]:
        """All that are open: for a forked child, which must not keep them."""
        return [self._listener, *(client.connection for client in list(self._clients))]

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                if self._listener.fileno() < 0:
                    return
                _log.warning("a client could not be let in: %s", error)
                await asyncio.sleep(0.1)  # out of descriptors, most likely
                continue
            with contextlib.suppress(OSError):  # it is gone already
                await self._admit(loop, connection)

    async def _admit(self, loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
        connection.setblocking(False)
        if len(self._clients) - len(self.followers) >= _MAX_CLIENTS or not _is_ours(connection):
            connection.close()
            return
        client = _Client(connection, self._handler, self._clients)
        await loop.connect_accepted_socket(lambda: client, connection)


class _Client(asyncio.Protocol):
    """One client."""

    def __init__(self, connection: socket.socket, handler: RequestHandler, clients: set[_Client]) -> None:
        self.connection = connection
        self.follows = False
        self._handler = handler
        self._clients = clients
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._open: set[asyncio.Task[None]] = set()

    def send(self, data: bytes) -> None:
        """Send, unless it takes nothing."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > _MAX_UNSENT:
            _log.info("a client of the reload socket takes nothing; it is let go")
            self.drop()
        else:
            self._transport.write(data)

    def drop(self) -> None:
        """Let it go at once."""
        if self._transport is not None:
            self._transport.abort()

    # -- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there: it is told how things are."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._clients.add(self)
        params = self._handler.status()
        self.send(frame({"jsonrpc": "2.0", "method": "reload/didChangeStatus", "params": params}))

    def data_received(self, data: bytes) -> None:
        """It says something."""
        try:
            for body in self._framer.feed(data):
                self._take(body)
        except InvalidMessage as error:
            self._refuse(-32700, str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone: nothing that it has asked for lasts."""
        self._clients.discard(self)
        self._handler.left(self)
        for task in self._open:
            task.cancel()

    # -- what it says

    def _take(self, body: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if len(self._open) >= _MAX_OPEN:
            self._refuse(-32600, "too many requests wait for their answers")
            return
        task = asyncio.create_task(self._answer(body), name="reloadls-request")
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _answer(self, body: bytes) -> None:
        response = await handle(body, self._handler, self)
        if response is not None:
            self.send(frame(response))

    def _refuse(self, code: int, message: str) -> None:
        """Say what is wrong, and close."""
        error: dict[str, Any] = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
        self.send(frame(error))
        if self._transport is not None:
            self._transport.close()


def _most_followers() -> int:
    import resource  # noqa: PLC0415 - not on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MAX_FOLLOWERS if soft < 0 else min(_MAX_FOLLOWERS, soft // 4)


def _is_ours(connection: socket.socket) -> bool:
    """Whether the other end is run by the same user, or by root, who can do anything anyway."""
    if sys.platform != "linux":
        return True  # the folder keeps others out
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", credentials)[1]
    return uid in (os.geteuid(), 0)
