"""What a session costs in a pool, beside a bare task and beside a process: memory, launches, edits that reach all.

``python -m tests.benchmarks.pool [SESSIONS]`` prints what it measures and asserts nothing. Each row is a process of its
own, so that memory is not another row's. Read the times as ratios.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil

from reloadls import FileChange
from reloadls.pool import Session, SessionPool
from reloadls.reload import HotReloader

_LAUNCHES = 5_000
_PROCESSES = 16
"""As many processes are measured: each costs the same."""
_SPAWNED = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
_AGENT = """
class Agent:
    def __init__(self):
        self.prompt = "one"

    def __rebind__(self, report):
        self.__init__()
"""

Figures = dict[str, float]


async def wait_for_ever(session: object) -> None:
    """A trivial session."""
    await asyncio.Event().wait()


async def end_at_once(session: object) -> None:
    """A session that does nothing."""


async def task_group(count: int) -> Figures:
    """As many bare tasks."""
    before = _memory()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(wait_for_ever(None)) for _ in range(count)]
        await asyncio.sleep(0)
        memory = _memory() - before
        for task in tasks:
            task.cancel()

    async def launch(number: int) -> asyncio.Task[None]:
        return group.create_task(end_at_once(None))

    async with asyncio.TaskGroup() as group:
        rate, times = await _launches(launch)
    return {**_row(memory, count, rate), "p50_us": times}


async def pool(count: int) -> Figures:
    """As many sessions."""
    async with SessionPool(wait_for_ever, max_sessions=count) as sessions:
        before = _memory()
        for number in range(count):
            await sessions.launch(str(number))
        await asyncio.sleep(0)
        memory = _memory() - before
    async with SessionPool(end_at_once, max_sessions=_LAUNCHES) as sessions:
        rate, times = await _launches(lambda number: sessions.launch(str(number)))
    return {**_row(memory, count, rate), "p50_us": times, "edit_ms": await _edit(count)}


async def workers(count: int) -> Figures:
    """As many sessions in two worker processes."""
    places = max(count, _LAUNCHES)
    before = _memory_of_all()
    async with SessionPool(wait_for_ever, isolation="process", processes=2, max_sessions=places) as sessions:
        empty = _memory_of_all()
        for number in range(count):
            await sessions.launch(str(number))
        while sessions.status.running < count:  # noqa: ASYNC110 - nothing reports it
            await asyncio.sleep(0.01)
        memory = _memory_of_all() - empty
    print(f"two workers without sessions: {empty - before:.0f} MB", file=sys.stderr)
    async with SessionPool(end_at_once, isolation="process", processes=2, max_sessions=places) as sessions:
        rate, times = await _launches(lambda number: sessions.launch(str(number)))
    return {**_row(memory, count, rate), "p50_us": times}


async def processes(count: int) -> Figures:
    """A process for each session: a Python that has imported asyncio and the pool."""
    count = min(count, _PROCESSES)
    code = "import asyncio, reloadls.pool; print(flush=True); input()"
    before, began, times, started = _memory_of_all(), time.perf_counter(), [], []
    for _ in range(count):
        at = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-c", code], **_SPAWNED)  # type: ignore[call-overload]
        process.stdout.readline()
        times.append(time.perf_counter() - at)
        started.append(process)
    rate = count / (time.perf_counter() - began)
    memory = _memory_of_all() - before
    for process in started:
        process.communicate("\n")
    return {
        **_row(memory, count, rate),
        "p50_us": statistics.median(times) * 1e6,
        "edit_ms": await _edit_of_processes(),
    }


async def _edit_of_processes() -> float:
    """From an edit to the moment when each of the processes runs it, under `reloadls run`, in milliseconds."""
    program = "import time\n\ndef word():\n    return 'one'\n\nprint(word(), flush=True)\n"
    program += "while word() == 'one':\n    time.sleep(0.001)\nprint(word(), flush=True)\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "program.py")
        path.write_text(program)
        command = [sys.executable, "-m", "reloadls", "run", str(path)]
        started = [subprocess.Popen(command, stderr=subprocess.DEVNULL, **_SPAWNED) for _ in range(_PROCESSES)]  # type: ignore[call-overload]
        for process in started:
            process.stdout.readline()
        await asyncio.sleep(3)  # each watches
        began = time.perf_counter()
        path.write_text(program.replace("    return 'one'", "    return 'two'"))
        for process in started:
            process.stdout.readline()
        took = time.perf_counter() - began
        for process in started:
            process.wait()
    return took * 1000


async def _launches(launch: Callable[[int], Awaitable[Any]]) -> tuple[float, float]:
    """Launches in a second, their ends included, and the median of one launch in microseconds."""
    began, times, started = time.perf_counter(), [], []
    for number in range(_LAUNCHES):
        before = time.perf_counter()
        started.append(await launch(number))
        times.append(time.perf_counter() - before)
    for each in started:
        await (each.wait() if hasattr(each, "wait") else each)
    return _LAUNCHES / (time.perf_counter() - began), statistics.median(times) * 1e6


async def _edit(count: int) -> float:
    """From an edit of `__init__` to the last session that follows, in milliseconds."""

    async def talk(session: Session) -> None:
        session.bind(module.Agent())
        await asyncio.Event().wait()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bench_agent.py")
        path.write_text(_AGENT)
        engine = HotReloader([folder])
        engine.warm_up()
        sys.path.insert(0, folder)
        module = importlib.import_module("bench_agent")
        async with SessionPool(talk, max_sessions=count) as sessions:
            for number in range(count):
                await sessions.launch(str(number))
            await asyncio.sleep(0)
            path.write_text(_AGENT.replace("one", "another"))
            began = time.perf_counter()
            report = await asyncio.to_thread(engine.apply, [FileChange(path, "modified")])
            took = time.perf_counter() - began
            if report.sessions.rebound != count:
                raise RuntimeError(f"not all have followed: {report}")
        engine.close()
    return took * 1000


def _row(memory: float, count: int, rate: float) -> Figures:
    return {"memory_mb": memory, "kb_each": memory * 1024 / count, "launches_per_s": rate}


def _memory() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20


def _memory_of_all() -> float:
    """Of this process and all below, in megabytes; what they share is counted once."""
    own = psutil.Process()
    return float(sum(each.memory_full_info().pss for each in (own, *own.children(recursive=True))) / 2**20)


def main() -> None:
    """Run each row in a process of its own, or the one that is named."""
    match sys.argv[1:]:
        case ["--row", name, count]:
            row = {"task_group": task_group, "pool": pool, "workers": workers, "processes": processes}[name]
            print(json.dumps(asyncio.run(row(int(count)))))
            return
        case [count]:
            sessions = int(count)
        case _:
            sessions = 1000
    print(f"{sessions} sessions                 memory MB   KB each   launches/s   launch p50 us   edit -> all ms")
    rows = {
        "task_group": "asyncio.TaskGroup",
        "pool": "SessionPool",
        "workers": "SessionPool, 2 workers",
        "processes": f"a process each (of {_PROCESSES})",
    }
    for name, title in rows.items():
        command = [sys.executable, "-m", "tests.benchmarks.pool", "--row", name, str(sessions)]
        out = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        edit = f"{out['edit_ms']:.1f}" if "edit_ms" in out else "-"
        print(
            f"{title:26}{out['memory_mb']:10.1f}{out['kb_each']:10.1f}"
            f"{out['launches_per_s']:13,.0f}{out['p50_us']:16,.1f}{edit:>17}"
        )


if __name__ == "__main__":
    main()
