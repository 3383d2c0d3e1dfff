"""Processes forked while the runtime's thread imports: each works, and reloads itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.reload.runtime.programs import program, write

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")

_FORKS = """
import os, sys, threading, time
import word

PAUSE, COUNT, PARENT = float(sys.argv[1]), 6, os.getpid()


def work(number):
    import asyncio, concurrent.futures.thread, ctypes, json, logging.config, sqlite3  # the runtime imports these, too
    while os.getppid() == PARENT:
        os.write(1, f"{number} {word.word()}\\n".encode())
        time.sleep(0.05)


for number in range(COUNT):
    if not os.fork():
        work(number)
        os._exit(0)
    time.sleep(PAUSE)
threading.Event().wait()
"""


@pytest.mark.parametrize("pause", [0.0, 0.01, 0.03, 0.1])
def test_forks_during_imports_work_and_reload(tmp_path: Path, pause: float) -> None:
    write(tmp_path, app=_FORKS, word="def word():\n    return 'old'\n")
    with program(tmp_path, args=(str(pause),)) as running:
        for number in range(6):
            running.until_output(f"{number} old")
        running.write(word="def word():\n    return 'new'\n")
        for number in range(6):
            running.until_output(f"{number} new")
        assert not [line for line in running.running.err if "hot reload stopped" in line]
