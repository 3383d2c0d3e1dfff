"""`reloadls status` shows what programs host, and `reloadls drain` drains a pool."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from reloadls.cli.status.hosted import hosted_lines
from reloadls.protocol import TargetStatus, make_converter
from tests.cli.running import finish
from tests.support.targets import ScriptedTarget, running, runtime_folder

PROGRAM = """\
import asyncio
import pathlib
from reloadls.pool import Session, SessionPool


async def talk(session: Session) -> None:
    with session.pin():
        while not pathlib.Path("over").exists():
            await asyncio.sleep(0.01)


async def main() -> None:
    async with SessionPool(talk, name="rooms", max_sessions=30) as pool:
        for number in range(22):
            await pool.launch(f"room-{number}")
        while pool.status.pinned < 22:
            await asyncio.sleep(0)
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with runtime_folder() as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(folder))
        yield folder


async def run(*args: str, cwd: Path | None = None) -> CompletedProcess[str]:
    return await asyncio.to_thread(finish, *args, cwd=cwd)


async def test_a_pool_is_shown_drained_and_waited_for(tmp_path: Path, runtime: Path) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    async with running(tmp_path) as program:
        await program.until_says("ready")
        done = await run("status", cwd=tmp_path)
        lines = done.stdout.splitlines()
        at = lines.index("  pool         rooms, running, 22 of 30 sessions, 22 pinned")
        assert lines[at + 1].startswith("    room-0   0:0") and lines[at + 1].endswith("  running, pinned")
        assert lines[-1] == "    and 2 more"
        (target,) = json.loads((await run("status", "--json")).stdout)
        assert len(target["pools"][0]["sessions"]) == 22

        done = await run("drain", "rooms", cwd=tmp_path)
        expected = f"rooms (app.py, process {program.pid}): draining, 22 sessions run until they end by themselves\n"
        assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")
        assert "rooms, draining, 22 of 30" in (await run("status")).stdout
        done = await run("drain", "rooms", "--wait", "0.1", "--json")
        found = json.loads(done.stdout)
        assert (done.returncode, found["pid"], found["pool"], found["status"]["active"]) == (
            1,
            program.pid,
            "rooms",
            22,
        )
        waiting = asyncio.create_task(run("drain", "rooms", "--wait", "60"))
        (tmp_path / "over").touch()
        done = await waiting
        expected = f"rooms (app.py, process {program.pid}): drained, no sessions are left\n"
        assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


async def test_a_program_that_ends_has_drained(tmp_path: Path, runtime: Path) -> None:
    pools = [{"name": "rooms", "state": "draining", "active": 1, "max": 2, "sessions": []}]
    async with ScriptedTarget.start(runtime, tmp_path, hosts={"pools": pools}) as target:
        waiting = asyncio.create_task(run("drain", "rooms", "--wait", "60"))
        await target.until(lambda: target.has("asked", "reload/drain"), "request")
        await target.obey(silent=False)  # it has answered
        target.kill()
        assert (await waiting).stdout.endswith(": drained, no sessions are left\n")


async def test_what_can_not_be_drained(tmp_path: Path, runtime: Path) -> None:
    async def fails(*args: str) -> str:
        done = await run("drain", *args)
        assert (done.returncode, done.stdout) == (1, "")
        return done.stderr

    assert await fails("rooms") == 'reloadls: "rooms": no such pool (no program runs under reloadls; pools: none)\n'
    hosts = {"pools": [{"name": "halls", "state": "running", "active": 1, "max": 2, "sessions": []}]}
    async with (
        ScriptedTarget.start(runtime, tmp_path, hosts=hosts) as one,
        ScriptedTarget.start(runtime, tmp_path, hosts=hosts) as two,
    ):
        assert 'no such pool (no running program; pools: "halls")' in await fails("rooms")
        assert f'no such pool (process {one.pid}; pools: "halls")' in await fails("rooms", "--process", one.id)
        message = await fails("halls")
        assert "several processes have such a pool; choose one with --process: " in message
        assert one.id in message and two.id in message
        done = await run("drain", "halls", "--process", two.id)
        assert (done.returncode, two.has("asked", "reload/drain"), one.has("asked", "reload/drain")) == (0, True, False)


async def test_a_bad_configuration_is_a_failure(tmp_path: Path, runtime: Path) -> None:
    uri = (tmp_path / "app.toml").as_uri()
    place = {"start": {"line": 1, "character": 7}, "end": {"line": 1, "character": 9}}
    problems = [{"key": "db.port", "source": "app.toml", "uri": uri, "range": place, "message": "no number"}]
    hosts = {"configurations": [{"name": "settings", "version": "7", "problems": problems, "members": []}]}
    async with ScriptedTarget.start(runtime, tmp_path, hosts=hosts):
        done = await run("status", cwd=tmp_path)
        assert done.returncode == 1
        *_, state, where = done.stdout.splitlines()
        assert state == "  config       settings, version 7, failed: a newer version is not used"
        assert where == "    app.toml:2:8: db.port: no number"


NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def texts(**hosts: Any) -> list[str]:
    status: Any = make_converter().structure(
        {"id": "7", "name": "app.py", "pid": 7, "state": "live", **hosts}, TargetStatus
    )
    return list(hosted_lines(status, NOW, str, lambda problem: problem.source or ""))


def session(id: str, at: str, **more: Any) -> Any:
    return {"id": id, "startedAt": f"2026-01-{at}.000Z", "state": "running", **more}


TEXTS: list[tuple[Any, list[str]]] = [
    ({}, []),
    ({"workerOf": {"pid": 3, "pool": "rooms"}}, ["  worker of    pool rooms of process 3"]),
    (
        {
            "pools": [
                {
                    "name": "ro\x1boms",
                    "state": "draining",
                    "active": 5,
                    "max": 5,
                    "reserved": 1,
                    "waiting": 2,
                    "failed": 3,
                    "drainReason": "too much memory",
                    "lastError": "ann: ValueError: no",
                    "changeWaitsFor": ["bob"],
                    "sessions": [
                        session("ann", "31T11:59:58"),
                        session("bob", "31T10:00:00", pinned=True, rebinds=1),
                        session("carol", "20T12:00:00", rebinds=2, lastError="KeyError: 'x'"),
                        session("dave", "31T13:00:00", state="starting"),
                    ],
                    "more": 1,
                }
            ]
        },
        [
            r"  pool         ro\x1boms, draining, 5 of 5 sessions, 1 reserved, 2 waiting, 3 failed",
            "    drains because: too much memory",
            "    a change of code waits for: bob",
            "    last failure: ann: ValueError: no",
            "    ann    0:00:02  running",
            "    bob    2:00:00  running, pinned, followed 1 reload",
            "    carol  11 days  running, followed 2 reloads, could not follow a reload: KeyError: 'x'",
            "    dave   0:00:00  starting",
            "    and 1 more",
        ],
    ),
    (
        {
            "configurations": [
                {
                    "name": "settings",
                    "version": "7",
                    "group": "app",
                    "leader": "b:2",
                    "problems": [{"message": "no answer", "source": "redis"}],
                    "members": [
                        {"id": "a:1", "version": "6", "state": "refused", "refused": "port in use"},
                        {"id": "b:2", "version": "7", "state": "applied"},
                    ],
                }
            ]
        },
        [
            "  config       settings, version 7, group app, failed: a newer version is not used",
            "    redis: no answer",
            "    a:1  version 6  refused: port in use",
            "    b:2  version 7  applied, leader",
        ],
    ),
]


@pytest.mark.parametrize(("hosts", "expected"), TEXTS)
def test_what_people_read(hosts: Any, expected: list[str]) -> None:
    assert texts(**hosts) == expected
