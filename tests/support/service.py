"""A real service process, and a client that keeps its picture of the files as the contract says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from websockets.asyncio.client import connect

from reloadls.protocol import from_uri, to_uri
from tests.support.clients import RawClient, RecordingClient
from tests.support.peers import Peer, ProcessPeer, StreamPeer, WsPeer

__all__ = [
    "COMMAND",
    "ON_SOCKETS",
    "SERVE",
    "TRANSPORTS",
    "Picture",
    "Service",
    "Transport",
    "hello",
    "pid_of",
    "serving",
]

COMMAND = (sys.executable, "-m", "reloadls", "serve")
SERVE = (*COMMAND, "--stdio")
"""The command that users run."""

Json = dict[str, Any]
Transport = Literal["stdio", "tcp", "ws", "socket"]
ON_SOCKETS: tuple[Transport, ...] = ("tcp", "ws", "socket") if os.name != "nt" else ("tcp", "ws")
TRANSPORTS: tuple[Transport, ...] = ("stdio", *ON_SOCKETS)

C = TypeVar("C", RawClient, RecordingClient)


class Service:
    """A service process that listens, and the way to it."""

    def __init__(self, process: ProcessPeer, transport: Transport, address: str, folder: Path) -> None:
        self.process = process
        self.transport = transport
        self.address = address
        self.folder = folder

    @classmethod
    @contextlib.asynccontextmanager
    async def start(
        cls,
        transport: Transport,
        *args: str,
        command: Sequence[str] = COMMAND,
        folder: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Service]:
        """Start one; in the end it is told to end, and must do so in peace.

        Args:
            transport: how it is reached.
            args: further arguments of `reloadls serve`.
            command: what to run instead.
            folder: where its socket and its token are, else in one of its own.
            env: its environment, else ours.
        """
        with tempfile.TemporaryDirectory() as name:
            folder = folder or Path(name)
            where = os.fspath(folder / "socket") if transport == "socket" else "127.0.0.1:0"
            token = () if transport == "socket" else ("--token-file", os.fspath(folder / "token"))
            argv = (*command, f"--{transport}", where, *token, *args)
            # What is remembered across restarts is the tests' own.
            env = {**os.environ, "XDG_STATE_HOME": name, **(env or {})}
            process = await ProcessPeer.start(argv, env, None)
            try:
                line = await process.wait_for_stderr(f"listening on {transport} ")
                yield cls(process, transport, line.removeprefix(f"listening on {transport} "), folder)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGTERM)
                await process.stop()

    @property
    def token(self) -> str:
        """What clients must show, over TCP and WebSocket."""
        return (self.folder / "token").read_text().strip()

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    async def streams(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection."""
        if self.transport == "socket":
            return await asyncio.open_unix_connection(self.address)
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def peer(self, **ws: Any) -> Peer:
        """A connection for one client."""
        peer: StreamPeer | WsPeer
        if self.transport == "ws":
            peer = WsPeer(await connect(f"ws://{self.address}", max_size=None, compression=None, **ws))
        else:
            peer = StreamPeer(*await self.streams())
        return peer

    @contextlib.asynccontextmanager
    async def client(self, kind: type[C]) -> AsyncIterator[C]:
        """A client that has said nothing yet."""
        async with kind.over(await self.peer()) as client:
            try:
                yield client
            except AssertionError as error:
                error.add_note(f"the service's stderr:\n{self.process.stderr}")
                raise

    @contextlib.asynccontextmanager
    async def session(self, *folders: str | os.PathLike[str], **options: Any) -> AsyncIterator[RecordingClient]:
        """A client after the handshake and the first status."""
        async with self.client(RecordingClient) as client:
            await client.initialize(self.hello(*folders, **options))
            await client.wait_for("reload/didChangeStatus")
            yield client

    def hello(self, *folders: str | os.PathLike[str], process_id: int | None = None, **options: Any) -> Json:
        """The params of `initialize`, with the token where one is needed."""
        token = {} if self.transport == "socket" else {"token": self.token}
        return hello(folders, {**token, **options}, process_id=process_id)


@contextlib.asynccontextmanager
async def serving(
    *folders: str | os.PathLike[str],
    capabilities: Json | None = None,
    process_id: int | None = None,
    transport: Transport = "stdio",
    **options: Any,
) -> AsyncIterator[RecordingClient]:
    """A client of a service that watches `folders`, after the handshake and the first status."""
    if transport != "stdio":
        assert capabilities is None and process_id is None
        async with Service.start(transport) as service, service.session(*folders, **options) as client:
            yield client
        return
    async with RecordingClient.start(*SERVE) as client:
        await client.initialize(hello(folders, options, capabilities, process_id))
        await client.wait_for("reload/didChangeStatus", lambda _: True)
        yield client


def pid_of(client: RecordingClient) -> int:
    """The service's process."""
    assert isinstance(client.peer, ProcessPeer)
    return client.peer.pid


def hello(
    folders: Iterable[str | os.PathLike[str]],
    options: Mapping[str, object],
    capabilities: Json | None = None,
    process_id: int | None = None,
) -> Json:
    """The params of `initialize`."""
    return {
        "processId": process_id,
        "capabilities": capabilities or {},
        "workspaceFolders": [{"uri": to_uri(os.fspath(folder)), "name": "w"} for folder in folders],
        "initializationOptions": dict(options),
    }


class Picture:
    """The files that a client believes to be there: what `reload/since` gave, and every batch applied in order."""

    def __init__(self, client: RecordingClient) -> None:
        self._client = client
        self._seen = 0
        self.files: set[str] = set()
        self.clock = ""
        self.told: dict[str, str] = {}
        """path → the last change told of it since this was last emptied."""

    async def read(self) -> None:
        """Ask for everything."""
        answer = await self._client.request("reload/since")
        assert answer["fresh"]
        self.files = {from_uri(change["uri"]) for change in answer["changes"]}
        self.clock = answer["clock"]
        # What came right behind it, perhaps in the same read, is still to be applied.
        messages = self._client.messages
        self._seen = 1 + next(at for at, arrived in enumerate(messages) if arrived.message.get("result") is answer)

    def apply(self) -> None:
        """Apply the batches that have come since this was last called."""
        new = self._client.messages[self._seen :]
        self._seen = len(self._client.messages)
        for arrived in new:
            if arrived.message.get("method") == "reload/didChange":
                self._apply_batch(arrived.message["params"])

    def _apply_batch(self, batch: Json) -> None:
        uris = [change["uri"] for change in batch["changes"]]
        assert len(uris) == len(set(uris)), "a path twice in one batch"
        for change in batch["changes"]:
            path = from_uri(change["uri"])
            self.told[path] = change["type"]
            if change["type"] == "deleted":
                self.files.discard(path)
            else:
                self.files.add(path)
        self.clock = batch["clock"]
