"""Programs that lie, flood, stall or break off, and files that are none: nobody else is harmed."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from reloadls.protocol import ReloadReport, frame, to_uri
from reloadls.service.targets import target as targets_target
from reloadls.service.targets.advert import read_advert
from reloadls.service.targets.client import ClientTargets
from reloadls.service.targets.registry import TargetRegistry
from reloadls.service.targets.target import Target
from reloadls.watch.hub import WatchHub
from tests.support.clients import RecordingClient
from tests.support.service import serving
from tests.support.targets import (
    ScriptedTarget,
    failure,
    made_targets_folder,
    runtime_folder,
    shown,
    until_shown,
    until_states,
)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with runtime_folder() as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(folder))
        yield folder


REPORT: dict[str, Any] = {"target": "", "clock": "", "at": "2026-01-31T12:00:00.123Z", "durationMs": 1.0}
STATUS: dict[str, Any] = {
    "state": "watching",
    "backend": "native",
    "roots": [],
    "debounceMs": 25,
    "maxWaitMs": 500,
    "clock": "",
    "problems": [],
}
MODULE = {"name": "m", "uri": "file:///m.py", "status": "reloaded", "changed": []}


def said(method: str, **params: Any) -> dict[str, Any]:
    return {"tell": f"reload/{method}", "params": params}


LIES: dict[str, dict[str, Any]] = {
    "another's report": said("didReload", **REPORT | {"target": "1", "status": "failed"}),
    "no report": said("didReload", status="failed"),
    "a status there is not": said("didReload", **REPORT | {"status": "splendid"}),
    "a time that is none": said("didReload", **REPORT | {"status": "failed", "at": "now"}),
    "a time that can't be": said("didReload", **REPORT | {"status": "failed", "durationMs": -1.0}),
    "a file elsewhere": said(
        "didReload", **REPORT | {"status": "reloaded", "modules": [MODULE | {"uri": "https://example.org/m.py"}]}
    ),
    "an error elsewhere": said(
        "didReload",
        **REPORT | {"status": "failed", "error": {"type": "E", "message": "", "uri": "file://elsewhere/m.py"}},
    ),
    "a line that can't be": said(
        "didReload",
        **REPORT
        | {
            "status": "failed",
            "error": {
                "type": "E",
                "message": "",
                "uri": "file:///m.py",
                "range": {"start": {"line": -1, "character": 0}, "end": {"line": 0, "character": 0}},
            },
        },
    ),
    "no status": said("didChangeStatus", state="watching"),
    "a status of nobody": said("didChangeStatus", **STATUS | {"targets": []}),
    "a status of another": said(
        "didChangeStatus", **STATUS | {"targets": [{"id": "1", "name": "a", "pid": 1, "state": "live"}]}
    ),
    "no JSON": {"raw": "Content-Length: 3\r\n\r\n{x}"},
    "no header": {"raw": "hello there\r\n\r\n"},
    "an array": {"raw": "Content-Length: 2\r\n\r\n[]"},
    "nesting": {"raw": "Content-Length: 200000\r\n\r\n" + "[" * 200_000},
    "a huge message": {"raw": "Content-Length: 2000000\r\n\r\n"},
    "a flood of reports": {"flood": "reload/didReload", "times": 5000},
    "a flood of statuses": {"flood": "reload/didChangeStatus", "times": 5000},
}


async def goes_on(client: RecordingClient, target: ScriptedTarget, folder: Path) -> None:
    """Another program is told of, and changes are."""
    await target.reports(**failure(folder / "good.py"))
    await until_shown(client, folder / "good.py")
    (folder / "file").touch()
    await client.request("reload/sync")
    await client.wait_for("reload/didChange")


async def test_programs_that_say_what_can_not_be_are_dropped(tmp_path: Path, runtime: Path) -> None:
    async with AsyncExitStack() as stack:
        good = await stack.enter_async_context(ScriptedTarget.start(runtime, tmp_path, name="good.py"))
        liars = {
            lie: await stack.enter_async_context(ScriptedTarget.start(runtime, tmp_path, name=f"{lie}\x1b[31m"))
            for lie in LIES
        }
        client = await stack.enter_async_context(serving(tmp_path, debounceMs=20))
        states = {target.pid: "live" for target in (good, *liars.values())}
        await until_states(client, states)
        for lie, liar in liars.items():
            liar.order(**json.loads(json.dumps(LIES[lie]).replace('"target": ""', f'"target": "{liar.id}"')))
            states[liar.pid] = "gone"
            await until_states(client, states)
        await goes_on(client, good, tmp_path)
        assert set(shown(client)) == {to_uri(os.fspath(tmp_path / "good.py"))}
        assert "\x1b" not in client.peer.stderr
        for line, (lie, liar) in zip(client.peer.stderr.splitlines(), liars.items(), strict=True):
            assert f'disconnecting the program "{lie}' in line and len(line) < 500, line
            assert liar.count("connected") == 1


async def test_unknown_fields_and_methods_are_ignored(tmp_path: Path, runtime: Path) -> None:
    async with ScriptedTarget.start(runtime, tmp_path) as target, serving(tmp_path) as client:
        await until_states(client, {target.pid: "live"})
        await target.obey(tell="reload/somethingNew", params={"a": 1})
        await target.obey(raw=frame(b'{"jsonrpc":"2.0","id":7,"method":"who/are/you"}').decode())
        await target.reports()
        await client.wait_for("reload/didReload")
        assert target.count("connected") == 1


async def test_one_that_was_dropped_may_come_again_with_a_new_file(tmp_path: Path, runtime: Path) -> None:
    async with ScriptedTarget.start(runtime, tmp_path) as target, serving(tmp_path) as client:
        await until_states(client, {target.pid: "live"})
        target.order(raw="nonsense\r\n\r\n")
        await until_states(client, {target.pid: "gone"})
        await target.obey(place={})
        await until_states(client, {target.pid: "live"})


async def tried(target: ScriptedTarget, times: int) -> None:
    """Wait until it was connected to so often."""
    await target.until(lambda: target.count("connected") >= times, f"{times} connections")


async def test_one_that_breaks_off_is_tried_again_but_not_for_ever(
    tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets_target, "_RETRIES_S", (0.0, 0.01, 0.02))
    async with ScriptedTarget.start(runtime, tmp_path, breaks_off=True) as scripted:
        owner = Owner()
        target = Target(read_advert(os.fspath(made_targets_folder(runtime) / f"{scripted.id}.json")), owner)
        for tries in (3, 6):
            target.begin()
            await owner.until(lambda: target.status.state == "gone")
            await tried(scripted, tries)
            assert scripted.count("connected") == tries
            (report,) = await target.trigger(None)
            assert (report.status, report.error and report.error.message[-13:]) == ("failed", ": unreachable")
        scripted.kill()
        await owner.until(lambda: owner.ended)
        await target.end()


class Owner:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.ended = False
        self._news = asyncio.Event()

    def on_target(self, _target: Target) -> None:
        self._news.set()

    def on_target_report(self, _target: Target, _report: ReloadReport) -> None:
        self._news.set()

    def on_target_ended(self, _target: Target) -> None:
        self.ended = True
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                self._news.clear()
                await self._news.wait()


async def test_reports_do_not_pile_up_for_a_client_that_reads_none(tmp_path: Path, runtime: Path) -> None:
    client = SlowClient()
    told = ClientTargets(client, TargetRegistry(WatchHub().kernel), lambda: None)
    told.set_roots((os.fspath(tmp_path),))
    one = ReloadReport(target="1", clock="", at="", duration_ms=1.0, status="reloaded")
    told.on_report(one)
    async with asyncio.timeout(30):
        await client.waits.wait()
        for number in range(5000):
            told.on_report(evolve(one, clock=str(number)))
        client.waits.clear()
        client.takes.set()
        await client.waits.wait()
    assert len(client.taken) == 1001
    assert b'"clock":"4999"' in client.taken[-1]
    await told.end()


class SlowClient:
    """Takes nothing until it is let."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.waits = asyncio.Event()
        self.takes = asyncio.Event()

    async def send(self, bodies: Iterable[bytes]) -> None:
        self.taken += bodies
        self.waits.set()
        await self.takes.wait()


async def test_a_silent_one_is_starting_and_costs_nothing(tmp_path: Path, runtime: Path) -> None:
    async with ScriptedTarget.start(runtime, tmp_path, silent=True) as target, serving(tmp_path) as client:
        await until_states(client, {target.pid: "starting"})
        await client.request("reload/sync")
        target.kill()
        await until_states(client, {})


async def test_a_program_whose_roots_change_is_seen_anew(tmp_path: Path, runtime: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    async with ScriptedTarget.start(runtime, one) as target, serving(one) as client:
        await until_states(client, {target.pid: "live"})
        await target.obey(place={"roots": [os.fspath(two)]})
        await until_states(client, {})
        await target.obey(place={"roots": [os.fspath(one)]})
        await until_states(client, {target.pid: "live"})


# -- files ---------------------------------------------------------------------------------------------------

PLACE = {"id": "ID", "pid": 7, "name": "a", "roots": ["/"], "socket": "/s", "startedAt": "2026-01-31T12:00:00Z"}
FILES: dict[str, str] = {
    "empty": "",
    "no-JSON": "{",
    "no-object": "[1]",
    "nothing-in-it": "{}",
    "anothers-id": json.dumps(PLACE | {"id": "1"}),
    "a-pid-that-is-none": json.dumps(PLACE | {"pid": -1}),
    "a-pid-that-is-a-text": json.dumps(PLACE | {"pid": "7"}),
    "no-name": json.dumps(PLACE | {"name": ""}),
    "relative": json.dumps(PLACE | {"roots": ["a"]}),
    "too-many-roots": json.dumps(PLACE | {"roots": ["/"] * 1001}),
    "a-socket-with-a-NUL": json.dumps(PLACE | {"socket": "/s\0"}),
    "no-time": json.dumps(PLACE | {"startedAt": "then"}),
    "a-socket-that-is-a-file": json.dumps(PLACE | {"socket": "FILE"}),
    "huge": " " * 100_000,
    "deep": "[" * 50_000,
}


async def test_files_that_can_not_be_believed_are_passed_over(tmp_path: Path, runtime: Path) -> None:
    folder = made_targets_folder(runtime)
    async with ScriptedTarget.start(runtime, tmp_path) as good, serving(tmp_path) as client:
        await until_states(client, {good.pid: "live"})
        for name, text in FILES.items():
            file = folder / f"{name}.json"
            file.write_text(text.replace("FILE", os.fspath(file)).replace('"ID"', f'"{name}"'))
            assert [report["target"] for report in await client.request("reload/trigger")] == [good.id]
        (folder / "not an id.json").write_text("{}")
        assert [report["target"] for report in await client.request("reload/trigger")] == [good.id]
        for line, name in zip(client.peer.stderr.splitlines(), FILES, strict=True):
            assert "ignoring a running program" in line and f"/{name}.json: " in line and len(line) < 500, line
        assert len(list(folder.iterdir())) == len(FILES) + 3, "none of it is removed"


def listening(folder: Path, **otherwise: Any) -> socket.socket:
    """Somebody who listens, and the file that says so."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(os.fspath(folder / "1.sock"))
    server.listen()
    server.setblocking(False)
    place = {"id": "1", "pid": os.getpid(), "name": "a", "roots": ["/"], "startedAt": "2026-01-01T00:00:00Z"}
    (folder / "1.json").write_text(json.dumps(place | {"socket": os.fspath(folder / "1.sock")} | otherwise))
    return server


def was_called(server: socket.socket) -> bool:
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@pytest.mark.parametrize("folders", ["reloadls", "reloadls/targets"])
@pytest.mark.parametrize("mode", [0o755, 0o770, 0o702])
async def test_a_folder_that_others_can_enter_is_not_trusted(
    tmp_path: Path, runtime: Path, folders: str, mode: int
) -> None:
    folder = made_targets_folder(runtime)
    (runtime / folders).chmod(mode)
    with listening(folder) as server:
        async with serving(tmp_path) as client:
            assert await client.request("reload/trigger") == []
            assert "accessible to other users" in client.peer.stderr
        assert not was_called(server)


@pytest.mark.parametrize("what", ["link", "pipe", "folder", "writable", "linked folder", "open socket folder"])
async def test_what_is_not_the_users_own_file_is_not_believed(tmp_path: Path, runtime: Path, what: str) -> None:
    folder = made_targets_folder(runtime)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    file = folder / "1.json"
    with listening(elsewhere if what == "open socket folder" else folder) as server:
        if what == "link":
            file.rename(elsewhere / "1.json")
            file.symlink_to(elsewhere / "1.json")
        elif what == "pipe":
            file.unlink()
            os.mkfifo(file)
        elif what == "folder":
            file.unlink()
            file.mkdir()
        elif what == "writable":
            file.chmod(0o622)
        elif what == "linked folder":
            folder.rename(runtime / "other")
            folder.symlink_to(runtime / "other")
        else:
            (elsewhere / "1.json").rename(file)
        async with serving(tmp_path) as client:
            assert await client.request("reload/trigger") == []
        assert not was_called(server)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs the right to give files away")
@pytest.mark.parametrize("path", ["reloadls", "reloadls/targets", "reloadls/targets/1.json", "reloadls/targets/1.sock"])
async def test_what_belongs_to_another_user_is_not_trusted(tmp_path: Path, runtime: Path, path: str) -> None:
    folder = made_targets_folder(runtime)
    with listening(folder) as server:
        os.chown(runtime / path, 12345, 12345)
        async with serving(tmp_path) as client:
            assert await client.request("reload/trigger") == []
            assert "belongs to user 12345" in client.peer.stderr
        assert not was_called(server)
