"""A million files in 100,000 folders: start, memory, one save, and a start from the state file, beside a small tree.

``python -m tests.benchmarks.million_files [FILES]`` makes the trees, prints a row for each, and asserts nothing. A walk
that only stats each file is printed beside, as the floor.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from reloadls.watch.flush import Pacing
from reloadls.watch.hub import Subscription, WatchHub
from reloadls.watch.scope.scope import Scope

_IN_FOLDER = 10
_SAVES = 21
_MIB = 2**20


def make(folder: Path, files: int) -> None:
    """Make `files` files, ten in a folder, the folders two levels deep."""
    for number in range(files // _IN_FOLDER):
        path = folder / f"d{number // 100}" / f"s{number}"
        path.mkdir(parents=True)
        for index in range(_IN_FOLDER):
            (path / f"module{index}.py").touch()


def walk(folder: str) -> float:
    """Seconds that it takes to stat each file below `folder`, and nothing else."""
    begun, stack = time.monotonic(), [folder]
    while stack:
        with os.scandir(stack.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    stack.append(entry.path)
                else:
                    entry.stat(follow_symlinks=False)
    return time.monotonic() - begun


class Heard:
    """A subscriber that notes when a batch can be taken."""

    def __init__(self) -> None:
        self.batch = asyncio.Event()

    def on_batch(self) -> None:
        """See `Subscriber`."""
        self.batch.set()

    def on_status(self) -> None:
        """See `Subscriber`."""

    def on_scan(self, begins: bool, scanned: object) -> None:
        """See `Subscriber`."""


async def watch(folder: Path, state: Path | None) -> dict[str, float]:
    """Watch `folder`: seconds to start, MiB that it took, ms from a save to its batch."""
    process, heard = psutil.Process(), Heard()
    before, begun = process.memory_info().rss, time.monotonic()
    hub = WatchHub(state_folder=state)
    channel, cursor = await hub.join(Subscription(Scope([folder]), Pacing(0.001, 1.0)), heard)
    start = time.monotonic() - begun
    memory = (process.memory_info().rss - before) / _MIB
    saves, created = [], []
    for number in range(_SAVES):
        saves.append(await save(folder / "d0" / "s0" / "module0.py", heard))
        created.append(await save(folder / "d0" / "s0" / f"new{number}.py", heard))
        cursor.take()
    for number in range(_SAVES):
        (folder / "d0" / "s0" / f"new{number}.py").unlink()
    await channel.pipeline.sync()
    await hub.close()
    return {"start": start, "memory": memory, "save": statistics.median(saves), "create": statistics.median(created)}


async def save(path: Path, heard: Heard) -> float:
    """Write `path`; ms until there is a batch."""
    heard.batch.clear()
    path.write_text(str(time.monotonic_ns()))
    written = time.monotonic()
    await heard.batch.wait()
    return (time.monotonic() - written) * 1000


def in_process(folder: Path, state: Path | None) -> dict[str, float]:
    """`watch` in a process of its own."""
    arguments = [sys.executable, "-m", __spec__.name, "--watch", str(folder), *([str(state)] if state else [])]
    measured: dict[str, float] = json.loads(subprocess.run(arguments, check=True, capture_output=True).stdout)
    return measured


def main() -> None:
    """Measure a small tree, and one of as many files as the command line says."""
    if sys.argv[1:2] == ["--watch"]:
        paths = [Path(argument) for argument in sys.argv[2:]]
        print(json.dumps(asyncio.run(watch(paths[0], paths[1] if len(paths) > 1 else None))))
        return
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    head = ("files", "", "walk, s", "start, s", "µs a file", "MiB", "bytes a file", "save, ms", "new file, ms")
    print("{:>10} {:<16} {:>8} {:>9} {:>10} {:>7} {:>13} {:>9} {:>13}".format(*head))
    for number in (1000, files):
        with tempfile.TemporaryDirectory(prefix="reloadls-million-") as name:
            folder, state = Path(name, "tree"), Path(name, "state")
            make(folder, number)
            walk(str(folder))
            floor = walk(str(folder))
            for kind, kept in (("no state", None), ("state, first", state), ("state, warm", state)):
                found = in_process(folder, kept)
                a_file = found["start"] / number * 1e6, found["memory"] * _MIB / number
                row = (number, kind, floor, found["start"], a_file[0], found["memory"], a_file[1])
                print(
                    "{:>10,} {:<16} {:>8.2f} {:>9.2f} {:>10.2f} {:>7.0f} {:>13.0f} {:>9.2f} {:>13.2f}".format(
                        *row, found["save"], found["create"]
                    ),
                    flush=True,
                )


if __name__ == "__main__":
    main()
