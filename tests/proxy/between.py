"""A client before the proxy before the scripted server."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from reloadls.protocol import to_uri
from tests.proxy.servers import PROXY
from tests.support.clients import RecordingClient
from tests.support.peers import ProcessPeer

__all__ = ["SCRIPTED", "Between", "between"]

SCRIPTED = (sys.executable, os.fspath(Path(__file__).with_name("scripted.py")))
WATCHED_FILES = "workspace/didChangeWatchedFiles"


class Between:
    """What a test asks of both ends."""

    def __init__(self, client: RecordingClient, workspace: Path) -> None:
        self.client = client
        self.workspace = workspace
        self._ids = 0

    @property
    def peer(self) -> ProcessPeer:
        """The proxy's process."""
        assert isinstance(self.client.peer, ProcessPeer)
        return self.client.peer

    async def server_pid(self) -> int:
        """The server's process."""
        return int((await self.peer.wait_for_stderr("server ")).split()[1])

    async def initialize(self, capabilities: Any = None, *, folder: str | None = None, initialized: bool = True) -> Any:
        """Do the handshake; returns the params that the server saw."""
        uri = folder or to_uri(os.fspath(self.workspace))
        params = {"rootUri": uri, "workspaceFolders": [{"uri": uri, "name": "w"}], "capabilities": capabilities or {}}
        if not initialized:
            return await self.client.request("initialize", params)
        return await self.client.initialize(params)

    async def server_asks(self, method: str, params: Any) -> dict[str, Any]:
        """Have the server send a request; returns the answer that it got."""
        self._ids += 1
        name = f"asked-{self._ids}"
        self.client.notify("test/send", {"jsonrpc": "2.0", "id": name, "method": method, "params": params})
        got = await self.client.wait_for("test/got", lambda message: message.get("id") == name)
        assert isinstance(got, dict)
        return got

    async def register(self, *watchers: Any, id: str = "w1") -> None:
        """Have the server register for globs."""
        globs = [watcher if isinstance(watcher, dict) else {"globPattern": watcher} for watcher in watchers]
        entry = {"id": id, "method": WATCHED_FILES, "registerOptions": {"watchers": globs}}
        answer = await self.server_asks("client/registerCapability", {"registrations": [entry]})
        assert answer["result"] is None

    async def unregister(self, id: str = "w1") -> None:
        """Have the server take a registration back."""
        entry = {"id": id, "method": WATCHED_FILES}
        answer = await self.server_asks("client/unregisterCapability", {"unregisterations": [entry]})
        assert answer["result"] is None

    async def told(self, *expected: tuple[str, int]) -> None:
        """Wait until the server has been told of just these changes, in any order, since the last call."""
        seen: list[tuple[str, int]] = []
        while len(seen) < len(expected):
            got = await self.client.wait_for("test/got", lambda message: message.get("method") == WATCHED_FILES)
            seen += [
                (os.path.relpath(_path(change["uri"]), self.workspace), change["type"])
                for change in got["params"]["changes"]
            ]
        assert sorted(seen) == sorted(expected)

    def write(self, name: str, text: str = "x") -> Path:
        """A file on disk."""
        path = self.workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


def _path(uri: str) -> str:
    from reloadls.protocol import from_uri

    return from_uri(uri)


@contextlib.asynccontextmanager
async def between(workspace: Path, *options: str) -> AsyncIterator[Between]:
    """Start it all."""
    command = (*PROXY, *options, "--", *SCRIPTED)
    async with RecordingClient.start(*command, cwd=os.fspath(workspace)) as client:
        yield Between(client, workspace)
