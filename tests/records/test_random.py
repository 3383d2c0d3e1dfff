"""Random operations on real files: after each sync each reader has what matches, though readers are killed."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from reloadls.records.clock import SystemClock
from tests.records.operations import FILTERS, Board
from tests.records.readers import Crowd, LibraryCrowd, PipeCrowd, ServiceCrowd
from tests.records.support import FakeClock
from tests.support.machine import OPERATIONS

_SEED = os.environ.get("RELOADLS_TEST_SEED", "17")


def check(crowd: Crowd, board: Board, done: list[str]) -> None:
    expected = board.look()
    for (where, kinds, matches), picture in zip(FILTERS, crowd.pictures, strict=True):
        wanted = {key: data for key, data in expected.items() if matches(key[0], data)}
        found = {key: data for key, data in picture.records.items() if key[0] != "marks"}
        differ = [key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key)]
        assert not differ, f"{where} {kinds} after {' '.join(done[-15:])}: {differ}"


async def run(crowd: Crowd, board: Board, chance: random.Random, *, clock: FakeClock | None, operations: int) -> None:
    done: list[str] = []

    async def sync() -> None:
        await crowd.sync()
        check(crowd, board, done)

    await crowd.start()
    for _ in range(operations):
        breaking = board.breaks()
        if breaking:
            await sync()
        done.append(board.operate(breaking=breaking))
        if breaking or chance.random() < 0.3:
            await sync()
        if clock is not None and chance.random() < 0.1:
            step = chance.choice([0.5, 1, 7, 60, 1000])
            clock.advance(step) if chance.random() < 0.8 else clock.set(clock.time() - step)
            done.append(f"clock {step}")
            await sync()
        if chance.random() < 0.05:
            place = chance.randrange(len(FILTERS))
            await crowd.kill_one(place)
            done.append(f"kill {place}")
        if chance.random() < 0.01:
            await crowd.kill()
            done += ["kill all", *(board.operate(breaking=False) for _ in range(chance.randrange(4)))]
            await crowd.start()
            await sync()
    await sync()
    await crowd.kill()


@pytest.mark.timeout(3000)
async def test_a_client_of_the_library_has_what_matches(tmp_path: Path) -> None:
    chance, clock = random.Random(_SEED), FakeClock(time.time())
    board = Board(tmp_path / "records", chance, clock.time, spans=(-1000, 5, 30, 100, 100_000))
    crowd = LibraryCrowd(tmp_path / "records", tmp_path / "state", clock)
    await run(crowd, board, chance, clock=clock, operations=OPERATIONS)


@pytest.mark.parametrize("kind", [ServiceCrowd, PipeCrowd], ids=["json-rpc", "pipe"])
@pytest.mark.timeout(3000)
async def test_a_client_of_another_process_has_what_matches(kind: Any, tmp_path: Path) -> None:
    chance = random.Random(_SEED)
    board = Board(tmp_path / "records", chance, time.time, spans=(-1000, -5, 100_000, 1_000_000))  # none ends meanwhile
    crowd = kind(tmp_path / "records", tmp_path / "state", SystemClock())
    operations = OPERATIONS if OPERATIONS > 1000 else OPERATIONS // 10
    await run(crowd, board, chance, clock=None, operations=operations)
