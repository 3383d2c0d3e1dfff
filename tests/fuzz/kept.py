"""Damaged state files: watching begins all the same, and reports no change that was not made."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import tempfile
import time
from pathlib import Path

from reloadls.watch.flush import Pacing
from reloadls.watch.hub import Subscription, WatchHub
from reloadls.watch.scope.scope import Scope

__all__ = ["fuzz_state"]


class _Member:
    def on_batch(self) -> None: ...

    def on_status(self) -> None: ...

    def on_scan(self, begins: bool, scanned: object) -> None: ...


async def fuzz_state(seconds: float, seed: int) -> list[str]:
    """Return what went wrong; 1,500 files are damaged, or as many as there is time for."""
    chance = random.Random(seed)
    until, problems, count = time.monotonic() + seconds, list[str](), 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(os.path.realpath(name))
        root, good, state = folder / "w", folder / "good", folder / "state"
        root.mkdir()
        for number in range(60):
            (root / f"{number}.py").write_text("x")
        await _keep(root, good)
        while time.monotonic() < until and count < 1500 and not problems:
            shutil.rmtree(state, ignore_errors=True)
            shutil.copytree(good, state)
            harm = [_harm(path, chance) for path in sorted(state.glob("*.sqlite*"))]
            count += 1
            reported = await _reported(root, state, problems)
            if reported:
                problems.append(f"{harm}: told {sorted(reported)[:5]}, though nothing changed")
    print(f"{count} state files damaged")
    return problems


async def _keep(root: Path, state: Path) -> None:
    hub, member = WatchHub(state_folder=state), _Member()
    await hub.join(Subscription(Scope([str(root)]), Pacing(0.01, 0.1, 0.01)), member)
    (root / "0.py").write_text("more")
    await hub.channels[0].pipeline.sync()
    await hub.close()


def _harm(path: Path, chance: random.Random) -> str:
    data = bytearray(path.read_bytes())
    if not data:
        return ""
    kind = chance.choice(("bytes", "bytes", "bytes", "cut", "page", "zeros", "swap", "grow"))
    at = chance.randrange(len(data))
    if kind == "bytes":
        for _ in range(chance.choice((1, 1, 1, 3, 30))):
            data[chance.randrange(len(data))] = chance.randrange(256)
    elif kind == "cut":
        del data[at:]
    elif kind == "page":
        data[at : at + 4096] = chance.randbytes(min(4096, len(data) - at))
    elif kind == "zeros":
        data[at : at + 512] = bytes(min(512, len(data) - at))
    elif kind == "swap":
        other = chance.randrange(len(data))
        data[at : at + 100], data[other : other + 100] = data[other : other + 100], data[at : at + 100]
    else:
        data += chance.randbytes(5000)
    path.write_bytes(data)
    return f"{path.name}: {kind} at {at}"


async def _reported(root: Path, state: Path, problems: list[str]) -> set[str]:
    hub, member = WatchHub(state_folder=state), _Member()
    reported: set[str] = set()
    try:
        async with asyncio.timeout(30):
            channel, cursor = await hub.join(Subscription(Scope([str(root)]), Pacing(0.01, 0.1, 0.01)), member)
            await channel.pipeline.sync()
            while (batch := cursor.take()) is not None:
                reported |= {str(change.path) for change in batch.changes}
            made = root / "made"
            made.touch()
            await channel.pipeline.sync()
            batch = cursor.take()
            if batch is None or {str(change.path) for change in batch.changes} != {str(made)}:
                problems.append(f"a new file was not told: {batch}")
            made.unlink()
            await channel.pipeline.sync()
    except Exception as error:
        problems.append(repr(error))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(30):
            await hub.close()
    return reported
