"""Storms, slow readers and long waits: nothing is lost, and nobody else waits."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reloadls.protocol import from_uri
from tests.support.clients import RecordingClient
from tests.support.disk import state_of
from tests.support.service import SERVE, Picture, hello, pid_of, serving

CREATE = "for i in range(20000): open(f'd{i % 200}/f{i}', 'w').close()"
MODIFY = "for i in range(20000): open(f'd{i % 200}/f{i}', 'w').write('x')"
DELETE = "import os\nfor i in range(20000): os.unlink(f'd{i % 200}/f{i}')"


def folders(root: Path) -> None:
    for number in range(200):
        (root / f"d{number}").mkdir()


async def storm(root: Path, script: str) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, cwd=root)
    assert await process.wait() == 0


async def test_a_storm_is_reported_completely_and_requests_are_answered_meanwhile(tmp_path: Path) -> None:
    folders(tmp_path)
    async with serving(tmp_path, debounceMs=50, maxWaitMs=200) as client:
        picture = Picture(client)
        await picture.read()
        for script, expected in ((CREATE, "created"), (MODIFY, "modified"), (DELETE, "deleted")):
            picture.told.clear()
            running = asyncio.create_task(storm(tmp_path, script))
            while not running.done():
                assert (await client.request("reload/status"))["state"] == "watching"
            await running
            await client.request("reload/sync")
            picture.apply()
            # A file that is looked at while it is still being made is told again: it may have been written since.
            assert set(picture.told.values()) <= {expected, "modified"}
            assert len(picture.told) == 20_000
            assert picture.files == set(state_of(os.fspath(tmp_path)))


async def test_changes_while_the_process_is_stopped_are_reported(tmp_path: Path) -> None:
    folders(tmp_path)
    async with serving(tmp_path, debounceMs=50) as client:
        picture = Picture(client)
        await picture.read()
        os.kill(pid_of(client), signal.SIGSTOP)
        try:
            subprocess.run([sys.executable, "-c", CREATE], cwd=tmp_path, check=True)
        finally:
            os.kill(pid_of(client), signal.SIGCONT)

        def all_told() -> bool:
            picture.apply()
            return len(picture.files) == 20_000

        await client.wait_until(all_told, "every file told without a sync", 30)


async def test_a_client_that_does_not_read_gets_the_net_result(tmp_path: Path) -> None:
    """While it does not read, its batches are merged, and the service's memory does not grow with them."""
    process = await asyncio.create_subprocess_exec(
        *SERVE, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 12
    )
    assert process.stdin is not None
    gate = _Gate(process)
    async with RecordingClient.connect(gate, process.stdin) as client:  # type: ignore[arg-type]  # it only reads
        await client.initialize(hello([tmp_path], {"debounceMs": 1, "maxWaitMs": 5}))
        await client.wait_for("reload/didChangeStatus")
        gate.close()
        for number in range(40):
            for name in range(500):
                (tmp_path / f"f{name}").write_text(str(number))
        _, reply = client.start_request("reload/sync", {"timeoutMs": 60_000})
        gate.open()
        await client.wait_until(reply.done, "a reply to sync", 60)
        batches = client.received("reload/didChange")
        told = {from_uri(change["uri"]) for batch in batches for change in batch["changes"]}
        assert told == set(state_of(os.fspath(tmp_path)))
        assert sum(len(batch["changes"]) for batch in batches) < 40 * 500 / 2
    await process.wait()


class _Gate:
    """A process's output, read only while it is open."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        self._stdout = process.stdout
        self._open = asyncio.Event()
        self._open.set()

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    async def read(self, size: int) -> bytes:
        await self._open.wait()
        return await self._stdout.read(size)


async def test_a_busy_tree_is_reported_at_least_every_max_wait(tmp_path: Path) -> None:
    """Every change waits `maxWaitMs` at most; a generous bound on top is for a busy machine."""
    async with serving(tmp_path, debounceMs=200, maxWaitMs=500) as client:
        written: dict[str, float] = {}

        def write_next() -> None:
            name = f"f{len(written)}"
            (tmp_path / name).touch()
            written[name] = time.monotonic()

        await _every(0.02, write_next, until=lambda: len(client.received("reload/didChange")) >= 3)
        batches = client.received("reload/didChange")
        names = [os.path.basename(from_uri(change["uri"])) for batch in batches for change in batch["changes"]]
        assert len(set(names)) == len(names)


async def _every(seconds: float, act: Callable[[], None], *, until: Callable[[], bool]) -> None:
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def step() -> None:
        if until():
            ended.set_result(None)
        else:
            act()
            loop.call_later(seconds, step)

    step()
    await asyncio.wait_for(ended, 30)


@pytest.mark.parametrize("count", [1, 3])
async def test_services_over_one_tree_do_not_know_of_each_other(tmp_path: Path, count: int) -> None:
    async def one() -> set[str]:
        async with serving(tmp_path, debounceMs=20) as client:
            picture = Picture(client)
            await picture.read()
            (tmp_path / f"by-{pid_of(client)}").touch()
            await client.request("reload/sync")
            picture.apply()
            return picture.files & set(state_of(os.fspath(tmp_path)))

    found = await asyncio.gather(*(one() for _ in range(count)))
    assert all(found)
