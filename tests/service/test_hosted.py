"""What real programs host reaches clients: session pools, their workers, live configurations."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reloadls.protocol import TargetStatus, make_converter, to_uri
from reloadls.protocol.errors import InvalidParams, Mismatch
from reloadls.protocol.hosted import PoolStatus
from reloadls.service.targets.advert import Advert
from reloadls.service.targets.hosted import HostedPacing
from reloadls.service.targets.validation import validate_status
from tests.support.clients import RecordingClient, RpcError
from tests.support.service import serving
from tests.support.targets import ScriptedTarget, running, runtime_folder, shown, until_shown, until_states

POOL = """\
import asyncio
import sys
from reloadls.pool import Session, SessionPool


async def talk(session: Session) -> None:
    if session.id == "bob":
        with session.pin():
            await asyncio.Event().wait()
    if session.data:
        await asyncio.sleep(session.data)
    else:
        await asyncio.Event().wait()


async def main() -> None:
    async with SessionPool(talk, name="rooms", max_sessions=3) as pool:
        await pool.launch("ann")
        await pool.launch("bob")
        print("ready", flush=True)
        while pool.status.state == "running":
            await asyncio.sleep(0.01)
        print("drains", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""

MANY = """\
import asyncio
from reloadls.pool import Session, SessionPool


async def talk(session: Session) -> None:
    await session.data.wait()


async def main() -> None:
    over = asyncio.Event()
    async with SessionPool(talk, max_sessions=2000) as pool:
        print("ready", flush=True)
        for number in range(1000):
            await pool.launch(str(number), over)
        for number in range(1000):
            short = asyncio.Event()
            await pool.launch(f"short {number}", short)
            short.set()
            await asyncio.sleep(0.001)
        print("done", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""

WORKERS = """\
import asyncio
from reloadls.pool import Session, SessionPool


async def talk(session: Session) -> None:
    await asyncio.Event().wait()


async def main() -> None:
    async with SessionPool(talk, name="rooms", isolation="process", processes=2, max_sessions=4) as pool:
        await pool.launch("ann")
        print("ready", flush=True)
        await asyncio.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
"""

CONFIGURATION = """\
import pathlib
import time
from reloadls.base.hosted import hosted

path = pathlib.Path("app.toml").resolve()
problems = []


def status(most):
    return {
        "version": "7",
        "updatedAt": "2026-01-31T12:00:00.000Z",
        "group": "app",
        "leader": "host:1",
        "problems": problems,
        "members": [{"id": "host:1", "version": "7", "state": "applied"}][:most],
    }


host = hosted.add("configurations", "settings", status)


def follow():
    last = path.read_text()  # not of the module: its statements follow the file, too
    while True:
        print(len(problems), flush=True)
        text = path.read_text()
        if text != last:
            last = text
            place = {"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 8}}
            problem = {"key": "db.port", "source": "app.toml", "uri": path.as_uri(), "range": place}
            problems[:] = [{**problem, "message": "no number"}] if "many" in text else []
            host.changed()
        time.sleep(0.01)


follow()
"""


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with runtime_folder() as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(folder))
        yield folder


async def until_pool(client: RecordingClient, condition: Callable[[Any], bool]) -> Any:
    """Wait until a program shows such a pool, and return the pool."""

    def of(status: Any) -> list[Any]:
        return [pool for target in status["targets"] for pool in target.get("pools", [])]

    status = await client.wait_for("reload/didChangeStatus", lambda status: any(map(condition, of(status))))
    return next(filter(condition, of(status)))


async def test_a_pool_is_shown_and_drained(tmp_path: Path, runtime: Path) -> None:
    (tmp_path / "app.py").write_text(POOL)
    async with serving(tmp_path) as client, running(tmp_path) as program:
        pool = await until_pool(client, lambda pool: pool.get("pinned") == 1)
        assert (pool["name"], pool["state"], pool["active"], pool["max"]) == ("rooms", "running", 2, 3)
        assert [(session["id"], session.get("pinned", False)) for session in pool["sessions"]] == [
            ("ann", False),
            ("bob", True),
        ]
        await program.until_says("ready")
        status = await client.request("reload/drain", {"target": str(program.pid), "pool": "rooms"})
        (target,) = status["targets"]
        assert [pool["state"] for pool in target["pools"]] == ["draining"]
        await program.until_says("drains")
        pool = await until_pool(client, lambda pool: pool["state"] == "draining")
        assert (pool["active"], pool["drainReason"]) == (2, "asked by a client")
        await client.request(
            "workspace/executeCommand",
            {"command": "reloadls.drain", "arguments": [{"target": str(program.pid), "pool": "rooms"}]},
        )


NOT_DRAINED: list[tuple[Any, str]] = [
    ({"target": "1", "pool": "rooms"}, 'target "1": no such program runs in the watched folders'),
    ({"pool": "halls"}, "unknown name 'halls' in pools; there are: rooms"),
    ({"pool": 5}, "pool"),
    ({}, "pool"),
    ({"pool": "rooms", "force": True}, "force"),
]


async def test_what_can_not_be_drained(tmp_path: Path, runtime: Path) -> None:
    (tmp_path / "app.py").write_text(POOL)
    async with serving(tmp_path) as client, running(tmp_path) as program:
        await until_pool(client, lambda pool: pool["active"] == 2)
        for params, message in NOT_DRAINED:
            with pytest.raises(RpcError, match=message):
                await client.request("reload/drain", {"target": str(program.pid), **params})
        status = await client.request("reload/status")
        assert status["targets"][0]["pools"][0]["state"] == "running"


async def test_a_program_that_can_not_drain(tmp_path: Path, runtime: Path) -> None:
    answers: Any = {"reload/drain": {"targets": []}}
    async with serving(tmp_path) as client, ScriptedTarget.start(runtime, tmp_path, answers=answers) as target:
        await until_states(client, {target.pid: "live"})
        with pytest.raises(RpcError, match="must hold one program"):
            await client.request("reload/drain", {"target": target.id, "pool": "rooms"})


async def test_a_thousand_sessions_and_many_launches_do_not_flood(tmp_path: Path, runtime: Path) -> None:
    (tmp_path / "app.py").write_text(MANY)
    async with serving(tmp_path) as client, running(tmp_path) as program:
        await program.until_says("done")
        pool = await until_pool(client, lambda pool: pool.get("succeeded") == 1000)
        assert (pool["active"], len(pool["sessions"]), pool["more"]) == (1000, 200, 800)
        sent = client.received("reload/didChangeStatus")
        assert len(sent) < 100  # 3,000 launches and ends
        assert sent[-1]["targets"][0]["state"] == "live"


async def test_workers_say_whose_they_are_and_show_no_pool(tmp_path: Path, runtime: Path) -> None:
    (tmp_path / "app.py").write_text(WORKERS)
    async with serving(tmp_path) as client, running(tmp_path) as program:

        def complete(status: Any) -> bool:
            states = [target["state"] for target in status["targets"]]
            owners = [target["workerOf"] for target in status["targets"] if "workerOf" in target]
            return states == ["live"] * 3 and owners == [{"pid": program.pid, "pool": "rooms"}] * 2

        await client.wait_for("reload/didChangeStatus", complete)
        status = await client.request("reload/status")
        assert {target["pid"] for target in status["targets"] if target.get("pools")} == {program.pid}


async def test_a_bad_configuration_is_shown_at_its_line_until_it_is_fixed(tmp_path: Path, runtime: Path) -> None:
    file = tmp_path / "app.toml"
    file.write_text("[db]\nport = 1\n")
    (tmp_path / "app.py").write_text(CONFIGURATION)
    async with serving(tmp_path) as client, running(tmp_path) as program:
        status = await until_states(client, {program.pid: "live"})
        (found,) = status["targets"][0]["configurations"]
        assert (found["name"], found["version"], found["problems"]) == ("settings", "7", [])
        assert found["members"] == [{"id": "host:1", "version": "7", "state": "applied"}]
        file.write_text("[db]\nport = 'many'\n")
        await until_shown(client, file)
        ((diagnostic,),) = shown(client).values()
        assert (diagnostic["message"], diagnostic["severity"]) == ("db.port: no number", 1)
        assert (diagnostic["code"], diagnostic["range"]["start"]["line"]) == ("configuration", 1)
        file.write_text("[db]\nport = 2\n")
        await until_shown(client)
        file.write_text("[db]\nport = 'many'\n")
        await until_shown(client, file)
        program.process.kill()
        await until_shown(client)
    assert to_uri(os.fspath(file)) not in shown(client)


def pool(*sessions: str, **more: Any) -> Any:
    listed = [{"id": id, "startedAt": "2026-01-31T12:00:00.000Z", "state": "running"} for id in sessions]
    return {"name": "rooms", "state": "running", "active": 1, "max": 2, "sessions": listed, **more}


def problem(**more: Any) -> Any:
    return {"name": "settings", "version": "1", "problems": [{"message": "no", **more}], "members": []}


BAD: list[tuple[Any, str]] = [
    ({"pools": [pool(*map(str, range(1001)))]}, "must list at most 1000 sessions, members and problems, not 1002"),
    ({"pools": [pool(state="flying")]}, "state"),
    ({"pools": [pool(sessions=[{"id": "a", "startedAt": "noon", "state": "running"}])]}, "ISO 8601"),
    ({"configurations": [problem(uri="app.toml")]}, "must be a file:// URI"),
    ({"configurations": [problem(since="noon")]}, "ISO 8601"),
    ({"configurations": [{**problem(), "updatedAt": "noon"}]}, "ISO 8601"),
    ({"workerOf": {"pid": "x", "pool": "rooms"}}, "pid"),
]


def said(**hosts: Any) -> Any:
    return {"targets": [{"id": "7", "name": "app.py", "pid": 7, "state": "live", **hosts}]}


@pytest.mark.parametrize(("hosts", "message"), BAD)
def test_what_a_program_must_not_say_of_what_it_hosts(hosts: Any, message: str) -> None:
    started = "2026-01-31T12:00:00.000Z"
    advert = Advert(id="7", pid=7, name="app.py", roots=("/p",), socket="/s/7.sock", started_at=started)
    with pytest.raises((InvalidParams, Mismatch), match=message):
        validate_status(advert, said(**hosts))


async def test_a_program_that_lies_about_what_it_hosts_is_disconnected(tmp_path: Path, runtime: Path) -> None:
    async with serving(tmp_path) as client, ScriptedTarget.start(runtime, tmp_path) as target:
        await until_states(client, {target.pid: "live"})
        lie = said(id=target.id, pid=target.pid, pools=[pool(state="flying")])
        await target.obey(tell="reload/didChangeStatus", params=lie)
        await until_states(client, {target.pid: "gone"})


def statuses(*active: int, state: Any = "live") -> tuple[TargetStatus, ...]:
    read: Any = make_converter().structure([{**pool(), "active": each} for each in active], tuple[PoolStatus, ...])
    return (TargetStatus(id="1", name="app.py", pid=1, state=state, pools=read),)


def test_only_changes_of_what_is_hosted_wait() -> None:
    pacing = HostedPacing()
    assert pacing.delay_s(statuses(1), 0.0) == 0.0
    pacing.note_sent(statuses(1), 0.0)
    assert pacing.delay_s(statuses(2), 0.05) == pytest.approx(0.2)
    assert pacing.delay_s(statuses(2), 0.3) == 0.0
    assert pacing.delay_s(statuses(2, state="failed"), 0.05) == 0.0
    assert pacing.delay_s((), 0.05) == 0.0
