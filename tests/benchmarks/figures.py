"""The figures that the service is held to, measured over a real process: save latency, storms, start-up, idle.

Prints a table and asserts nothing: run ``python -m tests.benchmarks.figures`` from the repository's top, on a quiet
machine, or name what to measure: ``save``, ``busy``, ``storm``, ``start``, ``idle``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil

from reloadls.protocol import from_uri
from tests.support.clients import RecordingClient
from tests.support.service import Picture, pid_of, serving

Row = tuple[str, str, str]


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=[*MEASURES, []], help="what to measure; everything if left out")
    names = parser.parse_args().what or list(MEASURES)
    print(f"{'figure':<52} {'bar':<22} measured")
    for name in names:
        for figure, bar, measured in asyncio.run(in_folder(MEASURES[name])):
            print(f"{figure:<52} {bar:<22} {measured}", flush=True)


async def in_folder(measure: Callable[[Path], Awaitable[list[Row]]]) -> list[Row]:
    folder = Path(tempfile.mkdtemp(prefix="reloadls-figures-"))
    try:
        return await measure(folder)
    finally:
        shutil.rmtree(folder)


async def save(folder: Path) -> list[Row]:
    """From a save to the client, at the default window."""
    plain, old = [], []
    async with serving(folder, debounceMs=200) as client:
        for number in range(50):
            plain.append(await one_save(client, folder / f"f{number % 5}", None))
        for number in range(20):
            old.append(await one_save(client, folder / f"g{number}", 1e9 if number % 2 else 4e9))
    return [
        (
            "save → client, 50 saves, median",
            "200-215 ms",
            f"{statistics.median(plain):.1f} ms (worst {max(plain):.1f})",
        ),
        (
            "the same with an old or future mtime, 20 saves",
            "no sooner, one step later",
            f"{statistics.median(old):.1f} ms",
        ),
    ]


async def one_save(client: RecordingClient, path: Path, mtime: float | None) -> float:
    before = len(client.received("reload/didChange"))
    path.write_text(str(time.monotonic_ns()))
    if mtime is not None:
        os.utime(path, (mtime, mtime))
    written = time.monotonic()
    await client.wait_until(lambda: len(client.received("reload/didChange")) > before, "a batch")
    arrived = [one for one in client.messages if one.message.get("method") == "reload/didChange"][-1]
    return (arrived.at - written) * 1000


async def busy(folder: Path) -> list[Row]:
    """One write every 20 ms for 6 s."""
    async with serving(folder) as client:
        written: list[float] = []
        end = time.monotonic() + 6
        while time.monotonic() < end:
            (folder / f"f{len(written)}").touch()
            written.append(time.monotonic())
            await asyncio.sleep(0.02)
        await client.request("reload/sync")
        waits, gaps, last = [], [], written[0]
        for arrived in client.messages:
            if arrived.message.get("method") == "reload/didChange":
                names = [os.path.basename(from_uri(c["uri"])) for c in arrived.message["params"]["changes"]]
                waits.append(arrived.at - min(written[int(name[1:])] for name in names))
                gaps.append(arrived.at - last)
                last = arrived.at
    return [
        ("one write every 20 ms for 6 s: longest gap between batches", "2000 ms", f"{max(gaps) * 1000:.0f} ms"),
        ("the longest that any change waited", "2000 ms", f"{max(waits) * 1000:.0f} ms"),
    ]


async def storm(folder: Path) -> list[Row]:
    """20,000 files created, modified and deleted; requests all the while."""
    for number in range(200):
        (folder / f"d{number}").mkdir()
    rows: list[Row] = []
    async with serving(folder) as client:
        for kind, script in STORMS.items():
            picture = Picture(client)
            await picture.read()
            answers, twice = [], 0
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, cwd=folder)
            begun = time.monotonic()
            while len(picture.told) < 20_000:
                asked = time.monotonic()
                await client.request("reload/status")
                answers.append(time.monotonic() - asked)
                await asyncio.sleep(0.005)
                picture.apply()
            took = time.monotonic() - begun
            await process.wait()
            answers.sort()
            rows.append(
                (
                    f"storm, 20,000 files {kind}: told",
                    "20,000, none twice",
                    f"{len(picture.told):,}, {twice} twice, after {took:.2f} s",
                )
            )
            rows.append(
                (
                    "  a request in the middle, worst (p50)",
                    "100 ms",
                    f"{answers[-1] * 1000:.1f} ms ({statistics.median(answers) * 1000:.1f})",
                )
            )
    loops = await loop_blocks(folder)
    return [*rows, ("  event loop blocked at most (three storms)", "50 ms", f"{loops:.1f} ms")]


STORMS = {
    "created": "for i in range(20000): open(f'd{i % 200}/f{i}', 'w').close()",
    "modified": "for i in range(20000): open(f'd{i % 200}/f{i}', 'w').write('x')",
    "deleted": "import os\nfor i in range(20000): os.unlink(f'd{i % 200}/f{i}')",
}


async def loop_blocks(folder: Path) -> float:
    """The longest time, in ms, that a FileWatcher's event loop stood still in the storms, in a process of its own."""
    code = BLOCKS.format(folder=os.fspath(folder), storms=list(STORMS.values()))
    done = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
    out, _ = await done.communicate()
    return float(out)


BLOCKS = """
import asyncio, subprocess, sys, time
from reloadls import FileWatcher
async def main():
    told = set()
    watcher = FileWatcher(lambda changes: told.update(c.path for c in changes), paths=[{folder!r}])
    await watcher.start()
    worst, stop = 0.0, False
    async def turn():
        nonlocal worst
        while not stop:
            before = time.monotonic()
            await asyncio.sleep(0.001)
            worst = max(worst, time.monotonic() - before - 0.001)
    turning = asyncio.create_task(turn())
    for number, script in enumerate({storms!r}, 1):
        process = await asyncio.create_subprocess_exec(sys.executable, '-c', script, cwd={folder!r})
        await process.wait()
        while len(told) < 20_000:
            await asyncio.sleep(0.05)
        told.clear()
    stop = True
    await turning
    await watcher.stop()
    print(worst * 1000)
asyncio.run(main())
"""


async def start(folder: Path) -> list[Row]:
    """10,000 folders with 100,000 files."""
    script = "import os\nfor i in range(10000):\n p=f'd{i//100}/s{i}'; os.makedirs(p)"
    script += "\n for j in range(10): open(f'{p}/f{j}.py','w').close()"
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True)
    measured = json.loads(subprocess.run([sys.executable, "-c", START, folder], check=True, capture_output=True).stdout)
    return [
        ("start() on 10,000 folders, 100,000 files", "3 s", f"{measured['start']:.2f} s"),
        ("  memory of the process", "100 MB", f"{measured['rss']:.0f} MB"),
        ("  event loop blocked at most, by our own code", "50 ms", f"{measured['own']:.1f} ms"),
        ("  beside it: the native constructor's hold of the GIL", "(printed)", f"{measured['native']:.0f} ms"),
        ("  a sync on it", "", f"{measured['sync']:.2f} s"),
    ]


START = """
import asyncio, json, sys, threading, time, psutil
from reloadls.watch.flush import Pacing
from reloadls.watch.pipeline import Pipeline
from reloadls.watch.scope.scope import Scope
import reloadls.watch.sources.watchfiles_instance as native
spans = []
real = native.RustNotify
def timed(*args):
    begun = time.monotonic()
    try:
        return real(*args)
    finally:
        spans.append((begun, time.monotonic()))
native.RustNotify = timed
async def main():
    blocks, stop = [], False
    async def turn():
        while not stop:
            before = time.monotonic()
            await asyncio.sleep(0.001)
            blocks.append((before, time.monotonic()))
    turning = asyncio.create_task(turn())
    async def deliver(flush): ...
    pipeline = Pipeline(Scope([sys.argv[1]]), deliver, pacing=Pacing())
    begun = time.monotonic()
    await pipeline.start()
    start = time.monotonic() - begun
    rss = psutil.Process().memory_info().rss / 1e6
    begun = time.monotonic()
    await pipeline.sync()
    sync = time.monotonic() - begun
    stop = True
    await turning
    await pipeline.stop()
    own = max(b - a - 0.001 for a, b in blocks if not any(x < b and a < y for x, y in spans))
    print(json.dumps(dict(start=start, rss=rss, sync=sync, own=own * 1000, native=max(y - x for x, y in spans) * 1000)))
asyncio.run(main())
"""


async def idle(folder: Path) -> list[Row]:
    """The service over 1,000 files with nothing going on."""
    for number in range(1000):
        (folder / f"f{number}").touch()
    async with serving(folder) as client:
        process = psutil.Process(pid_of(client))
        await asyncio.sleep(2)
        before, cpu = switches(process), cpu_of(process)
        await asyncio.sleep(20)
        wakes = (switches(process) - before) / 20
        share = (cpu_of(process) - cpu) / 20
    return [
        ("idle: wake-ups a second (all threads, 20 s)", "25", f"{wakes:.1f}"),
        ("idle: of a core (20 s)", "0.2 %", f"{share * 100:.2f} %"),
    ]


def cpu_of(process: psutil.Process) -> float:
    """CPU seconds of all its threads, to the nanosecond (the usual counters tick every 10 ms)."""
    files = (Path(f"/proc/{process.pid}/task/{thread.id}/schedstat") for thread in process.threads())
    return sum(int(file.read_text(encoding="ascii").split()[0]) for file in files) / 1e9


def switches(process: psutil.Process) -> int:
    """How often its threads were woken: voluntary context switches of all of them."""
    total = 0
    for thread in process.threads():
        text = Path(f"/proc/{process.pid}/task/{thread.id}/status").read_text(encoding="ascii")
        total += int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
    return total


MEASURES = {"save": save, "busy": busy, "storm": storm, "start": start, "idle": idle}

if __name__ == "__main__":
    main()
