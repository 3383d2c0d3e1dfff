"""What a job of LiveKit costs as a session of a pool, beside a bare `AgentSession` and beside a process for each job.

``python -m tests.benchmarks.pool_livekit [SESSIONS]`` prints what it measures, asserts nothing. Each row is a process
of its own, in an environment in the user's cache. Every session has answered before memory is read.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from typing import Any

from tests.benchmarks.roster import REPOSITORY

_PROCESSES = 4
_SETTINGS = {
    "LIVEKIT_URL": "ws://127.0.0.1:9",
    "LIVEKIT_API_KEY": "key",
    "LIVEKIT_API_SECRET": "secret" * 8,
    "LIVEKIT_LOG_LEVEL": "ERROR",
    "OTEL_SDK_DISABLED": "true",
}

Figures = dict[str, Any]


async def bare(count: int) -> Figures:
    """Sessions of LiveKit without jobs, without a pool."""
    from livekit.agents import Agent, AgentSession

    from tests.pool.livekit.model import Echo

    before, began = _memory(), time.perf_counter()
    sessions = []
    for _ in range(count):
        session = AgentSession(llm=Echo())
        await session.start(Agent(instructions="Be brief."))
        sessions.append(session)
    for session in sessions:
        await session.run(user_input="hi")
    figures = _row(before, began, count)
    for session in sessions:
        await session.aclose()
    return figures


async def hosted(count: int) -> Figures:
    """Jobs as sessions of a pool."""
    from livekit.agents import Agent

    from tests.pool.livekit.hosted import hosted

    async with hosted(count) as found:
        before, began = _memory(), time.perf_counter()
        calls = [await found.call(str(number), lambda: Agent(instructions="Be brief.")) for number in range(count)]
        said = [await call.say("hi") for call in calls]
        if said != ["Be brief. - 1"] * count or found.pool.active != count:
            raise RuntimeError("not all have answered")
        figures = _row(before, began, count)
        for call in calls:
            call.hang_up()
    return figures


async def processes(count: int) -> Figures:
    """Jobs as LiveKit runs them: one process for each."""
    import psutil
    from livekit.agents import AgentServer, JobExecutorType

    from tests.pool.livekit.hosted import running
    from tests.pool.livekit.in_process import answered

    server = AgentServer(port=0, host="127.0.0.1", num_idle_processes=0, job_executor_type=JobExecutorType.PROCESS)
    server.rtc_session(answered, agent_name="waiter")
    async with running(server, unregistered=True):
        own, began = psutil.Process(), time.perf_counter()
        for number in range(count):
            await server.simulate_job(f"room-{number}", fake_job=True)
        ready = [os.path.join(os.environ["READY"], f"room-{number}") for number in range(count)]
        while not all(map(os.path.exists, ready)):  # noqa: ASYNC110 - jobs in other processes have no event here
            await asyncio.sleep(0.01)
        took = time.perf_counter() - began
        jobs = [each for each in own.children(recursive=True) if "multiprocessing" in " ".join(each.cmdline())]
        each = sorted(float(job.memory_info().rss) / 2**20 for job in jobs)[-count:]
    return {"sessions": count, "total_mb": sum(each), "mb_each": sum(each) / count, "seconds": took}


def _row(before: float, began: float, count: int) -> Figures:
    took, memory = time.perf_counter() - began, _memory()
    return {"sessions": count, "total_mb": memory, "mb_each": (memory - before) / count, "seconds": took}


def _memory() -> float:
    import psutil

    return float(psutil.Process().memory_info().rss) / 2**20


ROWS = {"bare": (bare, "AgentSession alone"), "hosted": (hosted, "hosted"), "processes": (processes, "a process each")}


def main() -> None:
    """Run each row in a process of its own, or the one that is named."""
    match sys.argv[1:]:
        case ["--row", name, count]:
            print(json.dumps(asyncio.run(ROWS[name][0](int(count)))))
            return
        case [count]:
            sessions = int(count)
        case _:
            sessions = 1000
    import tempfile

    from tests.pool.test_livekit import RELEASES, TOOLS
    from tests.programs.environment import python_of

    python = python_of("livekit-newest", (*RELEASES["newest"], *TOOLS))
    print("jobs of LiveKit         sessions   all MB    MB each    start and answer s")
    for name, (_, title) in ROWS.items():
        with tempfile.TemporaryDirectory() as ready:
            count = str(_PROCESSES if name == "processes" else sessions)
            command = [python, "-m", "tests.benchmarks.pool_livekit", "--row", name, count]
            environment = {**os.environ, **_SETTINGS, "READY": ready}
            out = subprocess.run(command, check=True, capture_output=True, cwd=REPOSITORY, env=environment).stdout
        row = json.loads(out.splitlines()[-1])
        print(f"{title:24}{row['sessions']:8}{row['total_mb']:9.0f}{row['mb_each']:11.2f}{row['seconds']:22.1f}")


if __name__ == "__main__":
    main()
