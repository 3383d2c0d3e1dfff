"""What real clients write that is not quite LSP: it is understood, over every transport."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from reloadls.protocol import to_uri
from tests.support.clients import RecordingClient, RpcError
from tests.support.service import SERVE, TRANSPORTS, Service, Transport, hello, serving

Json = dict[str, Any]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_empty_array_is_an_empty_object(tmp_path: Path, transport: Transport) -> None:
    async with serving(tmp_path, transport=transport) as client:
        assert (await client.request("reload/status", []))["state"] == "watching"
        await client.request("reload/sync", [])
        command: Json = {"command": "reloadls.status", "arguments": [[]]}
        assert (await client.request("workspace/executeCommand", command))["state"] == "watching"
        client.notify("workspace/didChangeConfiguration", {"settings": {"reloadls": []}})
        client.notify("workspace/didChangeConfiguration", {"settings": []})
        assert (await client.request("reload/sync", {}))["clock"]
        assert (await client.request("reload/status")).get("problems", []) == []


async def initialized(**params: object) -> Json:
    """The status after `initialize` with these params."""
    async with RecordingClient.start(*SERVE) as client:
        await client.initialize({"processId": None, "capabilities": {}, **params})
        await client.request("reload/sync")
        status: Json = await client.request("reload/status")
        return status


@pytest.mark.parametrize(
    "odd",
    [
        {"trace": "compact"},
        {"trace": 5},
        {"clientInfo": "nvim"},
        {"clientInfo": {"name": None}},
        {"clientInfo": {"name": "x", "version": 3}},
        {"clientInfo": []},
        {"locale": 1},
        {"capabilities": []},
        {"capabilities": None},
        {"processId": 4711.0},
        {"workspaceFolders": {}},
        {"capabilities": {"workspace": [], "window": []}},
        {"initializationOptions": []},
        {"workDoneToken": [1]},
        {"_meta": {"a": 1}},
    ],
    ids=str,
)
async def test_what_only_describes_the_client_never_fails_initialize(tmp_path: Path, odd: Json) -> None:
    assert (await initialized(rootUri=to_uri(os.fspath(tmp_path)), **odd)).get("problems", []) == []


@pytest.mark.parametrize("name", [None, 5, "", []])
async def test_nor_does_a_folders_name(tmp_path: Path, name: object) -> None:
    status = await initialized(workspaceFolders=[{"uri": to_uri(os.fspath(tmp_path)), "name": name}])
    assert [root["uri"] for root in status["roots"]] == [to_uri(os.fspath(tmp_path))]


async def test_params_of_every_request_are_fine(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        await client.request("reload/sync", {"workDoneToken": 1, "partialResultToken": "x", "_meta": {}})
        with pytest.raises(RpcError):
            await client.request("reload/sync", {"_other": 1})


@pytest.mark.parametrize(
    "uri", ["vscode-remote://ssh/p", "untitled:Untitled-1", "file://host/p", "nonsense", "file:///a?b"]
)
async def test_roots_that_cannot_be_used_do_not_give_the_working_directory(uri: str) -> None:
    for params in ({"rootUri": uri}, {"workspaceFolders": [{"uri": uri, "name": "x"}]}):
        status = await initialized(**params)
        assert status["roots"] == []
        assert any("nothing is watched" in problem["message"] for problem in status["problems"])


async def test_two_spellings_of_a_folder_are_one_and_the_last_one_removed_leaves_none(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    uri = to_uri(os.fspath(folder))
    spellings = [uri + "/", uri.replace("file://", "file:"), uri.replace("a%20b", "%61%20b"), uri.replace("%20", " ")]
    async with serving(folder) as client:
        for spelling in spellings:
            added: Json = {"event": {"added": [{"uri": spelling, "name": "x"}], "removed": []}}
            client.notify("workspace/didChangeWorkspaceFolders", added)
            await client.request("reload/sync")
            assert [root["uri"] for root in (await client.request("reload/status"))["roots"]] == [uri]
        for spelling in spellings:
            removed: Json = {"event": {"added": [], "removed": [{"uri": spelling, "name": "x"}]}}
            client.notify("workspace/didChangeWorkspaceFolders", removed)
            await client.request("reload/sync")
            status = await client.request("reload/status")
            assert status["roots"] == []
            assert "nothing is watched" in status["problems"][0]["message"]
            client.notify(
                "workspace/didChangeWorkspaceFolders", {"event": {"added": [{"uri": uri, "name": ""}], "removed": []}}
            )
            await client.request("reload/sync")


async def test_a_mistake_in_a_notification_is_logged_without_a_traceback(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        mistakes: list[Any] = [{"token": ["x"]}, {"token": {}}, {"token": "unknown"}, {}, [1]]
        for params in mistakes:
            client.notify("window/workDoneProgress/cancel", params)
        client.notify("textDocument/didSave", {"textDocument": 5})
        await client.request("reload/sync")
        assert "Traceback" not in client.peer.stderr


class TestWebSocket:
    async def test_an_offered_subprotocol_is_chosen(self) -> None:
        offered = [Subprotocol("jsonrpc"), Subprotocol("x")]
        async with (
            Service.start("ws") as service,
            connect(f"ws://{service.address}", subprotocols=offered) as socket,
        ):
            assert socket.subprotocol == "jsonrpc"

    async def test_a_refused_token_closes_with_1008(self, tmp_path: Path) -> None:
        async with Service.start("ws") as service, connect(f"ws://{service.address}") as socket:
            params = hello([tmp_path], {"token": "wrong"})
            await socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}))
            assert "token" in str(await socket.recv())
            with pytest.raises(ConnectionClosed) as caught:
                await socket.recv()
            assert caught.value.rcvd is not None and caught.value.rcvd.code == 1008
