"""What a service that runs on and on keeps: memory, descriptors and threads while files change and clients come and go.

Run: python -m tests.benchmarks.soak [SECONDS] [SEED]

One client stays and takes all; others come with folders and options of their own, leave in order or not, and some never
show a token. The figures of the last two thirds are compared: after the first third everything that has a bound has
reached it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.support.clients import RecordingClient
from tests.support.service import Service

_FOLDERS = 40
_BURST = 30
_LINE_S = 20.0


class Load:
    """What happens meanwhile, and how often.

    Args:
        service: what it happens to.
        folder: has `_FOLDERS` folders.
        chance: decides.
    """

    def __init__(self, service: Service, folder: Path, chance: random.Random) -> None:
        self._service = service
        self._folder = folder
        self._chance = chance
        self.edits = self.visits = self.strangers = 0

    async def edit(self) -> None:
        """Change files, so many that the journal is full after a minute or two."""
        while True:
            for _ in range(_BURST):
                path = self._folder / str(self._chance.randrange(_FOLDERS)) / f"{self._chance.randrange(200)}.py"
                if self._chance.random() < 0.3:
                    path.unlink(missing_ok=True)
                else:
                    path.write_text("x" * self._chance.randrange(1000))
                self.edits += 1
            await asyncio.sleep(0.02)

    async def visit(self) -> None:
        """Be one client after another."""
        while True:
            folder = self._folder / str(self._chance.randrange(_FOLDERS))
            options = {"debounceMs": self._chance.choice((10, 50)), "include": self._chance.choice(([], ["*.py"]))}
            async with self._service.session(folder, **options) as client:
                await client.request("reload/sync")
                answer = await client.request("reload/since")
                await client.request("reload/since", {"clock": answer["clock"]})
                if self._chance.random() < 0.5:
                    await client.request("shutdown")
                    client.notify("exit")
            self.visits += 1
            await asyncio.sleep(0.05)

    async def stray(self) -> None:
        """Connect without a token."""
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await self._service.streams()
                writer.write(self._chance.randbytes(self._chance.randrange(5000)))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(1), 0.05)
                writer.close()
            self.strangers += 1
            await asyncio.sleep(0.05)


async def take(client: RecordingClient) -> None:
    """Forget what the client that stays is told: it is the service that is measured."""
    while True:
        client.messages.clear()
        await asyncio.sleep(1)


async def soak(seconds: float, seed: int) -> None:
    """Print a line every 20 seconds, and how the figures grew."""
    print(f"seed {seed}; {seconds:.0f} s")
    print(f"{'s':>6} {'MB':>7} {'descriptors':>12} {'threads':>8} {'edits':>8} {'visits':>7} {'strangers':>10}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(os.path.realpath(name)) / "w"
        for number in range(_FOLDERS):
            (folder / str(number)).mkdir(parents=True)
        async with Service.start("tcp") as service, service.session(folder) as client:
            load = Load(service, folder, random.Random(seed))
            tasks = [asyncio.create_task(work) for work in (load.edit(), load.visit(), load.stray(), take(client))]
            lines = await _measure(psutil.Process(service.process.pid), load, seconds)
            for task in tasks:
                task.cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
        for failed in done:
            if not isinstance(failed, asyncio.CancelledError):
                print(f"failed: {failed!r}")
    _print_growth(lines)


async def _measure(process: psutil.Process, load: Load, seconds: float) -> list[tuple[float, float, int, int]]:
    began = time.monotonic()
    lines = []
    while (passed := time.monotonic() - began) < seconds:
        await asyncio.sleep(min(_LINE_S, seconds / 9))
        passed = time.monotonic() - began
        megabytes, descriptors, threads = process.memory_info().rss / 1e6, process.num_fds(), process.num_threads()
        lines.append((passed, megabytes, descriptors, threads))
        done = f"{load.edits:8} {load.visits:7} {load.strangers:10}"
        print(f"{passed:6.0f} {megabytes:7.1f} {descriptors:12} {threads:8} {done}", flush=True)
    return lines


def _print_growth(lines: list[tuple[float, float, int, int]]) -> None:
    third = len(lines) // 3
    middle, last = lines[third : 2 * third], lines[2 * third :]
    for at, name in ((1, "MB"), (2, "descriptors"), (3, "threads")):
        before, after = (max(line[at] for line in part) for part in (middle, last))
        print(f"{name}: at most {before:.1f} in the second third, {after:.1f} in the last")


if __name__ == "__main__":
    arguments = [*sys.argv[1:], "600", "1"]
    asyncio.run(soak(float(arguments[0]), int(arguments[1] if len(sys.argv) > 2 else 1)))
