"""Times a save until all 8 workers have it, beside watchdog-and-reread and a poll; and what a look-up costs.

Run from the root of the repository: `PYTHONPATH=server python -m tests.benchmarks.config [--saves N]`.
`--watchdog` names an interpreter that has watchdog; by default that of `make bench-peers`, if it is there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from reloadls.config import LiveConfig, MappingSource
from tests.benchmarks.roster import cache_folder

WORKERS = 8
POLL_S = 30.0

_RELOADLS = """
import asyncio, json, sys, time
from dataclasses import dataclass
from reloadls.config import JsonFile, LiveConfig

@dataclass
class Settings:
    number: int

async def main():
    options = json.loads(sys.argv[2])
    config = LiveConfig(Settings, [JsonFile(sys.argv[1])], debounce_ms=0, **options)
    config.on_change(lambda change: print(change.new.number, time.monotonic_ns(), flush=True))
    async with config:
        print("ready", 0, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
_WATCHDOG = """
import json, os, sys, time
from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer

last = 0
class Handler(FileSystemEventHandler):
    def on_any_event(self, event):
        global last
        if event.event_type not in ("created", "modified", "moved"):
            return
        try:
            number = json.loads(open(sys.argv[1]).read())["number"]
        except (OSError, ValueError):
            return
        if number != last:
            last = number
            print(number, time.monotonic_ns(), flush=True)

observer = Observer()
observer.schedule(Handler(), os.path.dirname(sys.argv[1]))
observer.start()
print("ready", 0, flush=True)
observer.join()
"""


@dataclass(frozen=True)
class Way:
    """One way to have a change in all workers."""

    name: str
    program: str
    options: str
    python: str = sys.executable


def measure(way: Way, saves: int) -> list[float]:
    """Return, for each save, the milliseconds until the last worker had it."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        Path(folder, "run").mkdir(mode=0o700)
        Path(folder, "watched").mkdir()
        file = Path(folder, "watched", "app.json")
        file.write_text('{"number": 0}')
        environment = {**os.environ, "XDG_RUNTIME_DIR": os.path.join(folder, "run")}
        workers = []
        for _ in range(WORKERS):
            command = [way.python, "-c", way.program, os.fspath(file), way.options]
            worker = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, encoding="utf-8")
            stack.callback(worker.wait)
            stack.callback(worker.kill)
            workers.append(worker)
        for worker in workers:
            _read(worker, "ready")
        return [_save(file, number, workers) for number in range(1, saves + 1)]


def _save(file: Path, number: int, workers: Sequence[subprocess.Popen[str]]) -> float:
    other = file.parent.parent / "new"
    other.write_text(json.dumps({"number": number}))
    begun = time.monotonic_ns()
    other.replace(file)
    last = max(_read(worker, str(number)) for worker in workers)
    time.sleep(0.03)  # the next save meets idle workers
    return (last - begun) / 1e6


def _read(worker: subprocess.Popen[str], wanted: str) -> int:
    assert worker.stdout is not None
    while True:
        word, _, at = worker.stdout.readline().partition(" ")
        assert word, "a worker has ended"
        if word == wanted:
            return int(at)


def look_ups() -> list[tuple[str, float]]:
    """Return what some look-ups cost, in nanoseconds."""

    @dataclass
    class Settings:
        x: int = 1

    class Plain:
        def __init__(self) -> None:
            self.value = Settings()

    def timed(statement: str, names: dict[str, object]) -> float:
        return min(timeit.repeat(statement, globals=names, number=300_000, repeat=15, timer=time.thread_time)) / 3e-4

    with LiveConfig(Settings, [MappingSource()]) as config:
        found = [
            ("plain.value.x, of a plain object", timed("plain.value.x", {"plain": Plain()})),
            ("config.value.x", timed("config.value.x", {"config": config})),
        ]
        with config.hold():
            found.append(("config.value.x, while something holds", timed("config.value.x", {"config": config})))
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--saves", type=int, default=200)
    parser.add_argument("--watchdog", default=os.fspath(cache_folder() / "venv" / "bin" / "python"))
    options = parser.parse_args()
    ways = [
        Way("reloadls, one group", _RELOADLS, '{"group": "bench"}'),
        Way("reloadls, one group, together", _RELOADLS, '{"group": "bench", "together": true}'),
        Way("reloadls, each by itself", _RELOADLS, "{}"),
    ]
    if os.path.exists(options.watchdog):
        ways.append(Way("watchdog and reread, each by itself", _WATCHDOG, "", options.watchdog))
    else:
        print("watchdog is not measured: make bench-peers installs it", file=sys.stderr)
    print(f"A save until all {WORKERS} workers have it, in ms ({options.saves} saves, no debounce)\n")
    print(f"{'':38} {'p50':>9} {'p99':>9} {'max':>9}")
    for way in ways:
        times = sorted(measure(way, options.saves))
        p99 = times[min(len(times) - 1, len(times) * 99 // 100)]
        print(f"{way.name:38} {statistics.median(times):9.1f} {p99:9.1f} {times[-1]:9.1f}", flush=True)
    # The last of n independent polls: uniform phases.
    print(f"{f'a poll each {POLL_S:g} s (computed)':38} {POLL_S * 0.5 ** (1 / WORKERS) * 1000:9.1f}", end="")
    print(f" {POLL_S * 0.99 ** (1 / WORKERS) * 1000:9.1f} {POLL_S * 1000:9.1f}\n")
    for name, nanoseconds in look_ups():
        print(f"{name:38} {nanoseconds:9.1f} ns")


if __name__ == "__main__":
    main()
