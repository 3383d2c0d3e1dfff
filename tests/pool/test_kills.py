"""Kill -9 of a worker, of the pool's process, of everything: whatever is killed, no process is left."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
OPERATIONS = int(os.environ.get("RELOADLS_TEST_OPERATIONS", "5000"))
KILLS = 200 if OPERATIONS >= 5000 else 4
SEED = int(os.environ.get("RELOADLS_TEST_SEED", str(random.randrange(10**6))))
MARK = "RELOADLS_TEST_MARK"


def marked(mark: str) -> list[psutil.Process]:
    """All processes that were started with this mark in their environment."""
    found = []
    for each in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if each.status() != psutil.STATUS_ZOMBIE and each.environ().get(MARK) == mark:
                found.append(each)
    return found


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Look until something that other processes do holds."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, f"{what} (RELOADLS_TEST_SEED={SEED})"
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the end of the socket is noticed by a loop that runs")
@pytest.mark.timeout(3600)
def test_whatever_is_killed_no_process_is_left(tmp_path: Path) -> None:
    chance, killed = random.Random(SEED), 0
    while killed < KILLS:
        mark, folder = uuid.uuid4().hex, tmp_path / str(killed)
        folder.mkdir()
        method = chance.choice(["spawn", "forkserver"])
        command = [sys.executable, "-m", "tests.pool.worker_program", str(folder), method]
        with subprocess.Popen(command, cwd=ROOT, env={**os.environ, MARK: mark}, stderr=subprocess.DEVNULL) as parent:
            moment = chance.random()
            if moment < 0.8:  # else in the middle of its start
                wait_until(lambda: len(pids(folder)) == 2, "the workers have started")  # noqa: B023
            for _ in range(chance.randrange(4)):
                killed += kill_one_worker(parent.pid, chance)
            killed += 1
            if chance.random() < 0.3:
                victims = marked(mark)
                chance.shuffle(victims)
                for each in victims:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        each.kill()
            parent.send_signal(signal.SIGKILL)
        wait_until(lambda: not marked(mark), f"a process is left of {method}")  # noqa: B023


def pids(folder: Path) -> set[str]:
    """The workers that host sessions."""
    return {path.read_text() for path in folder.iterdir()} - {""}


def kill_one_worker(parent: int, chance: random.Random) -> int:
    """Kill any process below the pool's, and wait until its replacement begins; returns how many were killed."""
    with contextlib.suppress(psutil.NoSuchProcess):
        found = [
            each
            for each in psutil.Process(parent).children(recursive=True)
            if "tracker" not in " ".join(each.cmdline()) and not each.children()
        ]
        if found:
            chance.choice(found).kill()
            return 1
    return 0
