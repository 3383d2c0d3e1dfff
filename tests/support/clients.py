"""Clients that miss nothing: one that speaks JSON-RPC by hand, one that sends whatever bytes it is told.

Every message is kept with the time it came; a wait first looks at what is there already, and has a deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from reloadls.protocol import Frame, Framer, frame

from .peers import TIMEOUT, Peer, ProcessPeer, StreamPeer

__all__ = ["Arrived", "RawClient", "RecordingClient", "RpcError", "ServerGoneError"]

Json = dict[str, Any]
Handler = Callable[[Any], Any]


class ServerGoneError(AssertionError):
    """The server ended, or closed its output, while something was awaited from it."""


class RpcError(Exception):
    """The server answered a request with an error."""

    def __init__(self, error: Json) -> None:
        super().__init__(f"{error.get('code')}: {error.get('message')}")
        self.code: int = error["code"]
        self.message: str = error["message"]
        self.data: Any = error.get("data")


@dataclass
class Arrived:
    """One message and when it came, in seconds of `time.monotonic`."""

    message: Json
    at: float = field(default_factory=time.monotonic)


class _Client:
    """What both clients share: the other end, and every message that came from it."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.messages: list[Arrived] = []
        """Everything that came, in order."""
        self._changed = asyncio.Condition()
        self._ended = False
        self._framer = Framer()
        self._read_task = asyncio.create_task(self._read())

    @classmethod
    @contextlib.asynccontextmanager
    async def start(
        cls, *argv: str, env: Mapping[str, str] | None = None, cwd: str | None = None
    ) -> AsyncIterator[Self]:
        """Start a server process and give a client for it; in the end, close its input and await it."""
        async with cls.over(await ProcessPeer.start(argv, env, cwd)) as client:
            yield client

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(cls, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> AsyncIterator[Self]:
        """Give a client for a server behind a stream; in the end, close it."""
        async with cls.over(StreamPeer(reader, writer)) as client:
            yield client

    @classmethod
    @contextlib.asynccontextmanager
    async def over(cls, peer: Peer) -> AsyncIterator[Self]:
        """Give a client for the server behind `peer`; in the end, stop that."""
        client = cls(peer)
        try:
            yield client
        finally:
            await peer.stop()
            await client._read_task

    async def _read(self) -> None:
        try:
            while data := await self.peer.output.read(1 << 18):
                self._take(data)
                async with self._changed:
                    self._changed.notify_all()
        finally:
            async with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _take(self, data: bytes) -> None:
        for event in self._framer.feed(data):
            assert isinstance(event, Frame), f"the server sent what is no message: {event}"
            message = json.loads(event.body)
            self.messages.append(Arrived(message))
            self._on_message(message)

    def _on_message(self, message: Json) -> None:
        """Act on a message beyond keeping it."""

    async def wait_until(self, condition: Callable[[], bool], what: str, timeout: float = TIMEOUT) -> None:
        """Wait until something about the messages is so."""

        def met() -> bool:
            return self._ended or condition()

        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(met), timeout)
            except TimeoutError:
                raise AssertionError(f"no {what} within {timeout} s; {self._describe()}") from None
        if not condition():
            raise ServerGoneError(f"the server ended before {what}; {self._describe()}")

    def _describe(self) -> str:
        last = [arrived.message for arrived in self.messages[-5:]]
        return f"{len(self.messages)} messages came, the last: {last}\nstderr:\n{self.peer.stderr}"


def _null(_params: object) -> None:
    return None


def _no_settings(params: Json) -> list[None]:
    return [None] * len(params["items"])


class RawClient(_Client):
    """Sends raw bytes, and reads the framed replies."""

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.peer.send(data)

    def send_body(self, body: bytes) -> None:
        """Send bytes with a correct header."""
        self.peer.send(frame(body))

    def send_json(self, message: object) -> None:
        """Send a JSON value with a correct header."""
        self.send_body(json.dumps(message).encode())

    async def take(self, count: int = 1, timeout: float = TIMEOUT) -> list[Json]:
        """Wait for the next `count` messages and take them."""
        await self.wait_until(lambda: len(self.messages) >= count, f"{count} messages", timeout)
        taken, self.messages = self.messages[:count], self.messages[count:]
        return [arrived.message for arrived in taken]


class RecordingClient(_Client):
    """A well-behaved client that keeps everything it is told.

    `handlers` maps the methods of the server's requests to functions of their params; those that are not in
    it are answered with null.
    """

    def __init__(self, peer: Peer) -> None:
        self.handlers: dict[str, Handler] = {"workspace/configuration": lambda params: [None] * len(params["items"])}
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._next_id = 0
        self._queues: dict[str, list[Arrived]] = defaultdict(list)
        super().__init__(peer)

    def notify(self, method: str, params: object = None) -> None:
        """Send a notification."""
        self._send({"method": method}, params)

    def start_request(self, method: str, params: object = None) -> tuple[int, asyncio.Future[Any]]:
        """Send a request; return its id and the future of its result, or of an `RpcError`."""
        self._next_id += 1
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._replies[self._next_id] = reply
        self._send({"id": self._next_id, "method": method}, params)
        return self._next_id, reply

    async def request(self, method: str, params: object = None, timeout: float = TIMEOUT) -> Any:
        """Send a request and return its result.

        Raises:
            RpcError: the server answered with an error.
            ServerGoneError: it ended instead.
        """
        _, reply = self.start_request(method, params)
        await self.wait_until(reply.done, f"reply to {method}", timeout)
        return reply.result()

    async def initialize(self, params: Mapping[str, object] | None = None) -> Any:
        """Do the handshake and return the result of `initialize`."""
        result = await self.request("initialize", {"processId": None, "capabilities": {}, **(params or {})})
        self.notify("initialized", {})
        return result

    async def shutdown(self) -> int:
        """End the connection in the regular way and return the server's exit code."""
        await self.request("shutdown")
        self.notify("exit")
        return await self.peer.wait()

    def received(self, method: str) -> list[Any]:
        """Return the params of every notification of a method so far, taken ones included."""
        return [
            arrived.message.get("params")
            for arrived in self.messages
            if arrived.message.get("method") == method and "id" not in arrived.message
        ]

    async def wait_for(
        self, method: str, predicate: Callable[[Any], bool] = lambda _: True, timeout: float = TIMEOUT
    ) -> Any:
        """Return the params of the next notification that satisfies `predicate`, and take what came up to it.

        One that came before the wait counts.
        """
        queue = self._queues[method]

        def found() -> int | None:
            fits = (index for index, arrived in enumerate(queue) if predicate(arrived.message.get("params")))
            return next(fits, None)

        await self.wait_until(lambda: found() is not None, f"{method} that fits", timeout)
        index = found()
        assert index is not None
        params = queue[index].message.get("params")
        del queue[: index + 1]
        return params

    def _send(self, message: Json, params: object) -> None:
        full = {"jsonrpc": "2.0", **message}
        if params is not None:
            full["params"] = params
        self.peer.send(frame(json.dumps(full).encode()))

    def _on_message(self, message: Json) -> None:
        if "method" in message and "id" in message:
            self._answer(message)
        elif "method" in message:
            self._queues[message["method"]].append(self.messages[-1])
        elif (reply := self._replies.pop(message["id"], None)) is not None and not reply.done():
            if "error" in message:
                reply.set_exception(RpcError(message["error"]))
            else:
                reply.set_result(message["result"])

    def _answer(self, message: Json) -> None:
        handler: Handler = self.handlers.get(message["method"], _null)
        reply: Json = {"jsonrpc": "2.0", "id": message["id"]}
        try:
            reply["result"] = handler(message.get("params"))
        except Exception as exc:
            reply["error"] = {"code": -32603, "message": str(exc)}
        self.peer.send(frame(json.dumps(reply).encode()))
