"""Record streams: delivery and its delay, idling, memory, many subscribers, and ends that come on time.

``python -m tests.benchmarks.records [SECONDS]`` prints what it measures, beside a loop that lists the folder every
second, and asserts nothing. Each row is a process of its own. SECONDS (60) is how long 100 records change per second.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from reloadls.records import RecordHub, RecordStream

_RECORDS = 10_000
_RATE = 100
_IDLE_S = 10.0
_ENDS = 1_000
_END_S = 30.0
_SUBSCRIBERS = 200

Figures = dict[str, Any]


# -- the readers, in processes of their own -----------------------------------------------------------------------


async def stream(folder: str, writer: list[str]) -> Figures:
    """A `RecordStream`: from just after a record was renamed into place to its event."""
    delays: list[float] = []
    begun = time.perf_counter()
    async with RecordStream(folder, hub=RecordHub(state_folder=os.path.join(folder, ".state"))) as events:
        records = len(events.take())
        started = time.perf_counter() - begun
        idle = await _idle()
        expected = await _write(writer)
        while len(delays) < expected:
            event = await asyncio.wait_for(anext(events), 10)
            delays.append(time.monotonic() - event.data["at"])
        return _figures(records, started, idle, delays, expected)


async def listing(folder: str, writer: list[str]) -> Figures:
    """A loop that lists every second and reads what has another stamp."""
    known: dict[str, tuple[int, int]] = {}

    def look() -> list[dict[str, Any]]:
        changed = []
        for kind in os.scandir(folder):
            if kind.name.startswith("."):
                continue
            for entry in os.scandir(kind.path):
                status = entry.stat()
                if known.get(entry.path) != (status.st_mtime_ns, status.st_ino):
                    known[entry.path] = status.st_mtime_ns, status.st_ino
                    changed.append(json.loads(Path(entry.path).read_bytes()))
        return changed

    begun = time.perf_counter()
    records = len(look())
    started = time.perf_counter() - begun
    stop = asyncio.Event()
    delays: list[float] = []

    async def loop() -> None:
        while not stop.is_set():
            await asyncio.sleep(1)
            changed = look()
            now = time.monotonic()
            delays.extend(now - data["at"] for data in changed if data.get("at"))

    task = asyncio.create_task(loop())
    idle = await _idle()
    expected = await _write(writer)
    await asyncio.sleep(expected / _RATE + 3)
    stop.set()
    await task
    return _figures(records, started, idle, delays, expected)


async def subscribers(folder: str, _writer: list[str]) -> Figures:
    """Many streams with different filters."""
    hub = RecordHub()
    streams = [RecordStream(folder, hub=hub, where=[f"n={number}"]) for number in range(_SUBSCRIBERS)]
    await asyncio.gather(*(each.start() for each in streams))
    (feed,) = hub.feeds
    before, changes = feed.parses, 200
    cpu = time.process_time()
    for number in range(changes):
        _put(folder, f"r{number}", {"n": number % _SUBSCRIBERS, "at": 1})
        await feed.sync()
    cpu = time.process_time() - cpu
    received = sum(len(each.take()) - (_RECORDS // _SUBSCRIBERS) for each in streams)
    return {
        "subscribers": _SUBSCRIBERS,
        "scans": feed.scans,
        "parses per change": (feed.parses - before) / changes,
        "events": received,
        "ms of CPU per change": round(cpu / changes * 1000, 2),
    }


async def expiry(folder: str, _writer: list[str]) -> Figures:
    """Records that end within 30 seconds: how far from the instant their events come."""
    kind = os.path.join(folder, "leases")
    os.makedirs(kind)
    start = time.time() + 3
    for number in range(_ENDS):
        with open(os.path.join(kind, f"l{number}.json"), "w", encoding="ascii") as file:
            json.dump({"expires_at": start + _END_S * number / _ENDS}, file)
    late = []
    layout = {"kinds": ["leases"], "expires": {"leases": "expires_at"}}
    async with RecordStream(folder, layout=layout, hub=RecordHub()) as events:
        async for event in events:
            if event.event_type == "expired":
                late.append(time.time() - event.data["expires_at"])
                if len(late) == _ENDS:
                    break
    late.sort()
    return {
        "ends": len(late),
        "earliest ms": _ms(late[0]),
        "p99 ms": _ms(_share(late, 0.99)),
        "latest ms": _ms(late[-1]),
    }


# -- helpers --------------------------------------------------------------------------------------------------------


async def _idle() -> dict[str, float]:
    """Wake-ups per second of all threads but this measurement's own sleep, and CPU, while nothing happens."""
    process = psutil.Process()
    await asyncio.sleep(1)
    before, cpu = _switches(), process.cpu_times()
    await asyncio.sleep(_IDLE_S)
    after, then = _switches(), process.cpu_times()
    used = then.user + then.system - cpu.user - cpu.system
    return {"wake-ups/s": round(max(0, after - before - 2) / _IDLE_S, 2), "cpu": round(used / _IDLE_S * 100, 2)}


def _switches() -> int:
    total = 0
    for task in os.listdir("/proc/self/task"):
        for line in Path(f"/proc/self/task/{task}/status").read_text("ascii").splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                total += int(line.split()[1])
    return total


async def _write(command: list[str]) -> int:
    """Start the writer, which is not waited for; return how many changes it makes."""
    await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    return int(command[-1])


def _figures(records: int, started: float, idle: dict[str, float], delays: list[float], expected: int) -> Figures:
    delays.sort()
    memory = psutil.Process().memory_info().rss / 1e6
    return {
        "records": records,
        "start ms": _ms(started),
        "idle wake-ups/s": idle["wake-ups/s"],
        "idle cpu %": idle["cpu"],
        "changes": expected,
        "delivered": len(delays),
        "p50 ms": _ms(_share(delays, 0.5)),
        "p99 ms": _ms(_share(delays, 0.99)),
        "max ms": _ms(delays[-1] if delays else 0),
        "memory MB": round(memory, 1),
    }


def _share(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _put(folder: str, name: str, data: dict[str, Any]) -> None:
    """Write a record as `write` does, but without waiting for the disk; `at` is set right after the rename."""
    temporary = os.path.join(folder, "tasks", f".{name}.tmp")
    with open(temporary, "w", encoding="ascii") as file:
        json.dump({"title": "do something useful", "status": "open", "branch": "main", "n": 0, **data}, file)
    os.replace(temporary, os.path.join(folder, "tasks", f"{name}.json"))


def _writer(folder: str, count: int) -> None:
    """Change records at a steady rate, each with the time of its change."""
    begun = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, begun + number / _RATE - time.monotonic()))
        _put(folder, f"r{number * 7919 % _RECORDS}", {"n": number, "at": time.monotonic()})


_READERS: dict[str, Callable[[str, list[str]], Any]] = {
    "RecordStream": stream,
    "a loop that lists every second": listing,
    f"{_SUBSCRIBERS} streams": subscribers,
    "ends within 30 s": expiry,
}


def _measure(name: str, seconds: float) -> Figures:
    with tempfile.TemporaryDirectory() as above:
        folder = os.path.join(above, "records")  # what happens in /tmp itself would wake its watcher
        os.makedirs(os.path.join(folder, "tasks"))
        for number in range(_RECORDS):
            _put(folder, f"r{number}", {"n": number % _SUBSCRIBERS})
        command = [
            sys.executable,
            "-m",
            "tests.benchmarks.records",
            "--reader",
            name,
            folder,
            str(int(seconds * _RATE)),
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        return dict(json.loads(done.stdout))


def _main() -> None:
    if sys.argv[1:2] == ["--writer"]:
        _writer(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1:2] == ["--reader"]:
        _, _, name, folder, count = sys.argv
        writer = [sys.executable, "-m", "tests.benchmarks.records", "--writer", folder, count]
        sys.stdout.write(json.dumps(asyncio.run(_READERS[name](folder, writer))))
    else:
        seconds = float(sys.argv[1]) if sys.argv[1:] else 60.0
        for name in _READERS:
            print(name, flush=True)
            for figure, value in _measure(name, seconds).items():
                print(f"  {figure:22} {value:>12}", flush=True)


if __name__ == "__main__":
    _main()
