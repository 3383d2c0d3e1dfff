"""Record subscriptions over JSON-RPC: what is sent, to whom, and within which bounds."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reloadls.protocol import to_uri
from tests.records.support import Picture, put
from tests.support.clients import RecordingClient, RpcError
from tests.support.service import SERVE, TRANSPORTS, Service, Transport, hello, serving

DID_CHANGE = "records/didChange"


@contextlib.asynccontextmanager
async def client_of(*folders: Path, args: tuple[str, ...] = ()) -> AsyncIterator[RecordingClient]:
    async with RecordingClient.start(*SERVE, *args) as client:
        await client.initialize(hello([os.fspath(folder) for folder in folders], {}))
        await client.wait_for("reload/didChangeStatus")
        yield client


async def subscribe(client: RecordingClient, folder: Path, **params: Any) -> str:
    answer = await client.request("records/subscribe", {"uri": to_uri(os.fspath(folder)), **params})
    return str(answer["subscription"])


async def synced(client: RecordingClient, name: str) -> list[tuple[str, str]]:
    """(type, KIND/ID) of everything sent so far."""
    await client.request("records/sync", {"subscription": name})
    return [(event["eventType"], f"{event['kind']}/{event['id']}") for event in events(client, name)]


def events(client: RecordingClient, name: str) -> list[Mapping[str, Any]]:
    sent = [arrived.message["params"] for arrived in client.messages if arrived.message.get("method") == DID_CHANGE]
    return [event for params in sent if params["subscription"] == name for event in params["events"]]


def parts(client: RecordingClient, name: str) -> list[dict[str, Any]]:
    sent = [arrived.message["params"] for arrived in client.messages if arrived.message.get("method") == DID_CHANGE]
    return [params for params in sent if params["subscription"] == name]


def picture_of(client: RecordingClient, name: str) -> Picture:
    picture = Picture()
    for params in parts(client, name):
        picture.apply([{**event, "event_type": event["eventType"], "clock": None} for event in params["events"]])
        picture.clock = params["clock"]
    return picture


def _notified(client: RecordingClient, name: str) -> bool:
    return bool(parts(client, name))


async def refused(client: RecordingClient, method: str, params: dict[str, Any], code: int) -> str:
    with pytest.raises(RpcError) as error:
        await client.request(method, params)
    assert error.value.code == code
    return error.value.message


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_snapshot_then_every_change(transport: Transport, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    put(folder, "tasks", "a", {"n": 1})
    async with serving(tmp_path, transport=transport) as client:
        name = await subscribe(client, folder)
        assert await synced(client, name) == [("snapshot", "tasks/a")]
        put(folder, "tasks", "b", {"n": 1})
        (folder / "tasks/a.json").unlink()
        await synced(client, name)
        assert sorted((await synced(client, name))[1:]) == [("added", "tasks/b"), ("removed", "tasks/a")]
        assert await client.request("records/unsubscribe", {"subscription": name}) == {}
        put(folder, "tasks", "c", {})
        assert "no record subscription" in await refused(client, "records/sync", {"subscription": name}, -32803)


async def test_the_response_comes_before_the_first_notification_which_comes_even_empty(tmp_path: Path) -> None:
    async with client_of(tmp_path) as client:
        for number in range(20):
            put(tmp_path / f"r{number}", "tasks", "a", {}) if number % 2 else None
            name = await subscribe(client, tmp_path / f"r{number}")
            await client.wait_until(partial(_notified, client, name), "first notification")
            messages = [arrived.message for arrived in client.messages]
            answered = [(message.get("result") or {}).get("subscription") == name for message in messages]
            notified = [(message.get("params") or {}).get("subscription") == name for message in messages]
            assert answered.index(True) < notified.index(True)
            assert len(events(client, name)) == number % 2
            assert "partial" not in parts(client, name)[-1]


async def test_several_subscriptions_with_filters(tmp_path: Path) -> None:
    put(tmp_path, "tasks", "a", {"status": "open"})
    put(tmp_path, "claims", "b", {"status": "done"})
    async with client_of(tmp_path) as client:
        names = [
            await subscribe(client, tmp_path, where=["status=open"]),
            await subscribe(client, tmp_path, kinds=["claim"]),
            await subscribe(client, tmp_path, ids=["a", "b"]),
            await subscribe(client, tmp_path, where=["status=open"]),
        ]
        put(tmp_path, "tasks", "a", {"status": "done"})
        assert [await synced(client, name) for name in names] == [
            [("snapshot", "tasks/a"), ("removed", "tasks/a")],
            [("snapshot", "claims/b")],
            [("snapshot", "claims/b"), ("snapshot", "tasks/a"), ("modified", "tasks/a")],
            [("snapshot", "tasks/a"), ("removed", "tasks/a")],
        ]


async def test_a_layout_comes_by_name_or_as_an_object(tmp_path: Path) -> None:
    put(tmp_path, "reservations", "r", {"expires_at": 1})
    put(tmp_path, "leases", "l", {"until": "2020-01-01T00:00:00Z"})
    async with client_of(tmp_path) as client:
        one = await subscribe(client, tmp_path, layout="coordination")
        other = await subscribe(client, tmp_path, layout={"kinds": ["leases"], "expires": {"leases": "until"}})
        assert await synced(client, one) == [("snapshot", "reservations/r")]
        assert await synced(client, other) == [("snapshot", "leases/l")]
        assert events(client, other)[0]["data"] == {"until": "2020-01-01T00:00:00Z", "expired": True}


async def test_many_records_come_in_parts(tmp_path: Path) -> None:
    for number in range(1000):
        put(tmp_path, "tasks", f"t{number:04}", {"n": number})
    async with client_of(tmp_path) as client:
        name = await subscribe(client, tmp_path)
        assert len(await synced(client, name)) == 1000
        sent = parts(client, name)
        assert [len(params["events"]) for params in sent] == [500, 500]
        assert "partial" not in sent[-1]
        assert all(params["partial"] for params in sent[:-1])
        assert all(len(params["events"]) <= 500 for params in sent)
        assert {params["clock"] for params in sent[:-1]} == {"c:0:0"}


async def test_a_service_that_starts_again_continues_from_the_clock(tmp_path: Path) -> None:
    folder, state = tmp_path / "r", {"XDG_STATE_HOME": os.fspath(tmp_path / "state")}
    put(folder, "tasks", "a", {"n": 1})
    async with Service.start("socket", env=state) as service, service.session(os.fspath(folder)) as client:
        name = await subscribe(client, folder)
        await synced(client, name)
        clock = parts(client, name)[-1]["clock"]
    put(folder, "tasks", "b", {"n": 2})
    async with Service.start("socket", env=state) as service, service.session(os.fspath(folder)) as client:
        name = await subscribe(client, folder, since=clock)
        assert await synced(client, name) == [("added", "tasks/b")]
        name = await subscribe(client, folder, since="c:1:1")
        assert await synced(client, name) == [("reset", "/"), ("snapshot", "tasks/a"), ("snapshot", "tasks/b")]


async def test_a_pause_holds_records_back(tmp_path: Path) -> None:
    async with client_of(tmp_path) as client:
        name = await subscribe(client, tmp_path)
        await synced(client, name)
        await client.request("reload/pause")
        put(tmp_path, "tasks", "a", {"n": 1})
        assert "paused" in await refused(client, "records/sync", {"subscription": name}, -32803)
        assert events(client, name) == []
        await client.request("reload/resume")
        assert await synced(client, name) == [("added", "tasks/a")]


async def test_a_sync_that_times_out_loses_nothing(tmp_path: Path) -> None:
    async with client_of(tmp_path) as client:
        name = await subscribe(client, tmp_path)
        for number in range(60):
            put(tmp_path, "tasks", f"t{number}", {"text": "x" * 2000})
            params = {"subscription": name, "timeoutMs": number % 4}
            with contextlib.suppress(RpcError):
                await client.request("records/sync", params)
        await synced(client, name)
        assert len(picture_of(client, name).records) == 60


# -- gates and bounds ------------------------------------------------------------------------------------------------


async def test_no_folder_out_of_the_workspace_can_be_read(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    put(outside, "tasks", "secret", {"password": "x"})
    inside.mkdir()
    (inside / "link").symlink_to(outside)
    async with client_of(inside) as client:
        for folder in (outside, inside / "link", inside / "../outside", tmp_path):
            message = await refused(client, "records/subscribe", {"uri": to_uri(os.fspath(folder))}, -32803)
            assert message == "the folder is not in the workspace of this client"
        await client.request("reload/refreshPaths", {"paths": [os.fspath(inside), os.fspath(outside)]})
        name = await subscribe(client, outside)
        assert await synced(client, name) == [("snapshot", "tasks/secret")]
        await client.request("reload/refreshPaths", {"paths": [os.fspath(inside)]})
        await client.wait_until(lambda: events(client, name)[-1]["eventType"] == "reset", "reset")
        assert "no record subscription" in await refused(client, "records/sync", {"subscription": name}, -32803)


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "uri is required"),
    ({"uri": "http://x/y"}, "uri "),
    ({"uri": "file:///x", "where": ["status"]}, "where[0] 'status' has no operator"),
    ({"uri": "file:///x", "where": "a=b"}, "where must be an array"),
    ({"uri": "file:///x", "kinds": ["taks"], "layout": "coordination"}, "kinds 'taks' is not a kind"),
    ({"uri": "file:///x", "layout": "/etc/layout.toml"}, "layout must be an object or one of coordination"),
    ({"uri": "file:///x", "layout": 5}, "layout must be a string or an object, not 5"),
    ({"uri": "file:///x", "layout": {"kind": []}}, "layout.kind"),
    ({"uri": "file:///x", "layout": {"kinds": ["../x"]}}, "layout kinds holds '../x'"),
    ({"uri": "file:///x", "where": ["a=b"] * 101}, "where must hold at most 100 entries, not 101"),
    ({"uri": "file:///x", "sinc": "c"}, "sinc"),
]


async def test_bad_params_name_the_field(tmp_path: Path) -> None:
    folder = to_uri(os.fspath(tmp_path))
    async with client_of(tmp_path) as client:
        for params, message in BAD:
            given = {name: folder if value == "file:///x" else value for name, value in params.items()}
            assert message in await refused(client, "records/subscribe", given, -32602)


async def test_a_client_has_a_bounded_number_of_subscriptions(tmp_path: Path) -> None:
    async with client_of(tmp_path) as client:
        names = [await subscribe(client, tmp_path, where=[f"n={number}"]) for number in range(64)]
        uri = to_uri(os.fspath(tmp_path))
        assert "at most 64" in await refused(client, "records/subscribe", {"uri": uri}, -32803)
        await client.request("records/unsubscribe", {"subscription": names[3]})
        await subscribe(client, tmp_path)


async def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with client_of(tmp_path) as client:
        message = await refused(client, "records/subscribe", {"uri": to_uri(os.fspath(tmp_path / "file"))}, -32803)
        assert "is not a folder" in message
