"""A real service process, and a client that keeps its picture of the files as the contract says."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from reloadls.protocol import from_uri, to_uri
from tests.support.clients import RecordingClient
from tests.support.peers import ProcessPeer

__all__ = ["SERVE", "Picture", "hello", "pid_of", "serving"]

SERVE = (sys.executable, "-m", "reloadls", "serve", "--stdio")
"""The command that users run."""

Json = dict[str, Any]


@contextlib.asynccontextmanager
async def serving(
    *folders: str | os.PathLike[str], capabilities: Json | None = None, process_id: int | None = None, **options: Any
) -> AsyncIterator[RecordingClient]:
    """A client of a service that watches `folders`, after the handshake and the first status."""
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
        self._seen = len(self._client.messages)

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
