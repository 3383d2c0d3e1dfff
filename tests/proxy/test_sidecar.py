"""`--reload`: our own service on the same connection as the language server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from reloadls.protocol import to_uri
from reloadls.proxy.messages import Message, framed
from reloadls.proxy.pipes import Outlet
from reloadls.proxy.sidecar import BACKLOG, ReloadSidecar
from reloadls.wire import methods
from tests.proxy.between import Between, between
from tests.support.targets import ScriptedTarget, failure, runtime_folder

PUBLISH = "textDocument/publishDiagnostics"


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with runtime_folder() as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(folder))
        yield folder


@pytest.mark.parametrize("offers", [False, True])
async def test_both_capabilities_are_announced(tmp_path: Path, offers: bool) -> None:
    quoted = "client/registerCapability"  # a message may speak of what it is not
    watched = {"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": offers}}}
    async with between(tmp_path, "--reload") as both:
        # The scripted server answers with the params that it got: a result that has capabilities.
        answer = await both.initialize(watched | {"executeCommandProvider": {"commands": ["theirs"]}, "x": quoted})
        assert answer["capabilities"]["experimental"]["reload"]["version"] == methods.PROTOCOL_VERSION
        assert answer["capabilities"]["executeCommandProvider"]["commands"] == ["theirs", *methods.COMMANDS]
        await both.client.request("reload/sync")
        status = await both.client.request("reload/status")
        assert status["state"] == "watching"
        both.write("a.py")
        await both.client.request("reload/sync")
        [batch] = both.client.received("reload/didChange")
        assert [change["type"] for change in batch["changes"]] == ["created"]
        assert not both.client.received("workspace/didChangeWatchedFiles")
        both.write("b.py")
        await both.client.request("workspace/executeCommand", {"command": "reloadls.sync", "arguments": []})
        assert len(both.client.received("reload/didChange")) == 2
        theirs = {"command": "theirs", "arguments": [1]}
        assert await both.client.request("workspace/executeCommand", theirs) == theirs
        if not offers:
            await both.register("**/*.py")
            both.write("c.py")
            await both.told(("c.py", 1))
        seen = [message["method"] for message in both.client.received("test/got") if "method" in message]
        assert not any(method.startswith("reload") for method in seen)


async def test_it_ends_with_the_server(tmp_path: Path) -> None:
    async with between(tmp_path, "--reload") as both:
        await both.initialize()
        await both.client.request("reload/status")
        below = psutil.Process(both.peer.pid).children(recursive=True)
        assert len(below) == 2
        both.client.notify("test/exit", 5)
        assert await both.peer.wait() == 5
        assert not any(process.is_running() for process in below)


async def test_its_death_is_reported_and_harms_no_other(tmp_path: Path) -> None:
    async with between(tmp_path, "--reload") as both:
        await both.initialize()
        await both.client.request("reload/status")
        server = await both.server_pid()
        [service] = [child for child in psutil.Process(both.peer.pid).children() if child.pid != server]
        service.kill()
        await both.peer.wait_for_stderr("the reloadls service has ended")
        with pytest.raises(Exception, match="has ended"):
            await both.client.request("reload/status")
        assert await both.client.request("test/echo", [1]) == [1]


def texts(params: Any) -> list[str]:
    return [diagnostic["message"] for diagnostic in params["diagnostics"]]


async def shows(both: Between, uri: str, *expected: str) -> None:
    """Wait until the editor shows just this for the file."""

    def last() -> list[str] | None:
        of_file = [params for params in both.client.received(PUBLISH) if params["uri"] == uri]
        return texts(of_file[-1]) if of_file else None

    await both.client.wait_until(lambda: last() == list(expected), f"{expected} for {uri}")


async def test_what_both_say_of_a_file_is_shown_together(tmp_path: Path, runtime: Path) -> None:
    path = tmp_path / "a.py"
    uri = to_uri(os.fspath(path))

    def server_says(*messages: str) -> None:
        diagnostics = [{"message": message} for message in messages]
        params = {"uri": uri, "diagnostics": diagnostics, "version": 1}
        both.client.notify("test/send", {"jsonrpc": "2.0", "method": PUBLISH, "params": params})

    async with ScriptedTarget.start(runtime, tmp_path) as program, between(tmp_path, "--reload") as both:
        await both.initialize()
        both.client.notify("initialized", {})
        server_says("type")
        await shows(both, uri, "type")
        await program.reports(**failure(path))
        await shows(both, uri, "type", "invalid syntax")
        server_says("type", "name")
        await shows(both, uri, "type", "name", "invalid syntax")
        server_says()
        await shows(both, uri, "invalid syntax")
        server_says("type")
        await shows(both, uri, "type", "invalid syntax")
        server = await both.server_pid()
        [service] = [child for child in psutil.Process(both.peer.pid).children() if child.pid != server]
        service.kill()
        await shows(both, uri, "type")


class Editor:
    """What the editor gets, beside a service of a test's own."""

    def __init__(self, sidecar: ReloadSidecar, source: int) -> None:
        self.sidecar = sidecar
        self._source = source

    def says(self, method: str, **more: Any) -> bool:
        """Whether the service alone is told."""
        raw = framed(json.dumps({"jsonrpc": "2.0", "method": method, **more}).encode())
        return self.sidecar.is_for_service(Message(raw, raw.index(b"{")))

    async def gets(self) -> dict[str, Any]:
        """The next message."""
        raw = await asyncio.wait_for(asyncio.to_thread(self._read), 20)
        message = json.loads(raw)
        assert isinstance(message, dict)
        return message

    def _read(self) -> bytes:
        with open(self._source, "rb", buffering=0, closefd=False) as file:
            size = int(file.readline().split(b":")[1])
            file.readline()
            return file.read(size)


@contextlib.asynccontextmanager
async def sidecar(program: str) -> AsyncIterator[Editor]:
    """Start one whose service is this program."""
    source, sink = os.pipe()
    to_editor = Outlet()
    to_editor.open(sink)
    started = await ReloadSidecar.start(to_editor, (sys.executable, "-u", "-c", program))
    try:
        yield Editor(started, source)
    finally:
        await started.stop()
        to_editor.close()
        await to_editor.lost.wait()
        os.close(source)


async def test_a_service_that_asks_is_refused_and_the_editor_not_asked() -> None:
    """The editor's answer would go to the server, which may be waiting for one to the same id."""
    program = """
import json, os, sys
def send(message):
    body = json.dumps(message).encode()
    os.write(1, b"Content-Length: %d\\r\\n\\r\\n%b" % (len(body), body))
send({"id": 1, "method": "workspace/configuration"})
size = int(sys.stdin.buffer.readline().split(b":")[1]); sys.stdin.buffer.readline()
send({"method": "answered", "params": json.loads(sys.stdin.buffer.read(size))})
sys.stdin.read()
"""
    async with sidecar(program) as editor:
        got = await editor.gets()
        assert got["method"] == "answered"
        assert (got["params"]["id"], got["params"]["error"]["message"]) == (1, "the client supports no requests")


async def test_a_service_that_reads_nothing_is_given_up() -> None:
    async with sidecar("import time; time.sleep(600)") as editor:
        assert editor.says("reload/status", id=1)
        assert not editor.says("textDocument/didSave", params="x" * (BACKLOG + 200_000))
        answer = await editor.gets()
        assert (answer["id"], answer["error"]["message"]) == (1, "the reloadls service has ended")
        assert editor.says("reload/status", id=2)
        assert (await editor.gets())["id"] == 2


@pytest.mark.parametrize("method", [["reload"], {"reload": 1}, None, 5])
async def test_invalid_methods(method: Any) -> None:
    async with sidecar("import sys; sys.stdin.read()") as editor:
        assert not editor.says(method, params="reload")


async def test_a_cancelled_request_to_the_service_does_not_reach_the_server() -> None:
    async with sidecar("import sys; sys.stdin.read()") as editor:
        assert editor.says("reload/sync", id="a")
        assert editor.says("$/cancelRequest", params={"id": "a"})
        assert not editor.says("$/cancelRequest", params={"id": "b"})
        assert not editor.says("$/cancelRequest", params={"id": ["a"]})
        assert not editor.says("$/cancelRequest")
