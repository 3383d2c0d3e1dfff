"""SIGTERM and Ctrl-C: LiveKit's own command line drains the server, and calls end by themselves."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from livekit.agents.cli import cli

from .dispatch import Dispatch, dispatching

SERVED = Path(__file__).with_name("served.py")

pytestmark = pytest.mark.skipif(
    not hasattr(cli, "_EXIT_ESCALATION_TIMEOUT"),
    reason="this release raises an exception in whatever runs when the signal arrives, which may swallow it",
)


class Process:
    """The program, and what it says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> str:
        """The next line of its output that is not one of LiveKit's log."""
        assert self.process.stdout is not None
        while (line := (await asyncio.wait_for(self.process.stdout.readline(), 30)).decode().strip()).startswith("{"):
            pass
        return line


@asynccontextmanager
async def served(dispatch: Dispatch, *command: str) -> AsyncIterator[Process]:
    environment: dict[str, Any] = {**os.environ, "LIVEKIT_URL": dispatch.url, "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, env=environment, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_and_calls_end_by_themselves(number: signal.Signals) -> None:
    async with dispatching() as dispatch, served(dispatch, os.fspath(SERVED), "start") as program:
        worker = await dispatch.worker()
        for id in ("a", "b"):
            assert await worker.start(id)
            assert await program.line() == f"begin {id}"
        program.process.send_signal(number)
        await worker.until(lambda: worker.statuses and worker.statuses[-1].status == 1)
        assert not (await worker.offer("c")).available
        await worker.terminate("a")
        assert await program.line() == "end a"
        await worker.until(lambda: ("a", "JS_SUCCESS") in worker.jobs)
        assert program.process.returncode is None
        await worker.terminate("b")
        assert await program.line() == "end b"
        await worker.until(lambda: ("b", "JS_SUCCESS") in worker.jobs)
        assert await program.line() == ""
        assert await asyncio.wait_for(program.process.wait(), 20) == 0


async def test_a_second_signal_ends_at_once() -> None:
    async with dispatching() as dispatch, served(dispatch, os.fspath(SERVED), "start") as program:
        worker = await dispatch.worker()
        assert await worker.start("a")
        program.process.send_signal(signal.SIGTERM)
        await worker.until(lambda: worker.statuses and worker.statuses[-1].status == 1)
        program.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(program.process.wait(), 20) == 1


async def test_jobs_follow_an_edit_under_reloadls_run(tmp_path: Path) -> None:
    path = tmp_path / "served.py"
    path.write_text(SERVED.read_text("utf-8"), "utf-8")
    command = ("-m", "reloadls", "run", "--quiet", os.fspath(path), "start")
    async with dispatching() as dispatch, served(dispatch, *command) as program:
        worker = await dispatch.worker()
        assert await worker.start("a")
        assert await program.line() == "begin a"
        path.write_text(path.read_text("utf-8").replace('f"end {', 'f"bye {').replace('f"begin {', 'f"hi {'), "utf-8")
        for number in range(1000):
            assert await worker.start(str(number))
            said = await program.line()
            await worker.terminate(str(number))
            assert await program.line() in {f"end {number}", f"bye {number}"}
            await worker.until(lambda id=str(number): (id, "JS_SUCCESS") in worker.jobs)  # its place is free
            if said == f"hi {number}":
                break
        await worker.terminate("a")
        assert await program.line() == "bye a"
        await worker.until(lambda: ("a", "JS_SUCCESS") in worker.jobs)
        program.process.send_signal(signal.SIGTERM)
        assert await program.line() == ""
        assert await asyncio.wait_for(program.process.wait(), 20) == 0
