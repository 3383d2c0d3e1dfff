"""A worker that needs a restart makes the supervisor restart the program, once for all workers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.reload.runtime.programs import program, write

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")

_SERVER = """
import multiprocessing, os, sys, time

def work(parent):
    import word
    while os.getppid() == parent:
        os.write(1, f"{word.word()}\\n".encode())
        time.sleep(0.05)

if __name__ == "__main__":
    os.write(1, b"starts\\n")
    workers = [multiprocessing.get_context(sys.argv[1]).Process(target=work, args=(os.getpid(),)) for _ in range(3)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
"""
_WORD = """
import threading

def for_ever():
    while True:
        threading.Event().wait(0.01){mark}

def word():
    return "{word}"

threading.Thread(target=for_ever, daemon=True).start()
"""


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_one_restart_replaces_all_workers(tmp_path: Path, start: str) -> None:
    write(tmp_path, app=_SERVER, word=_WORD.format(word="one", mark=""))
    with program(tmp_path, "--restart-on-required", args=(start,)) as running:
        running.until_output("one")
        lines = running.running.out
        running.running.until(lambda: len(lines) > 60, "all workers")
        running.write(word=_WORD.format(word="two", mark="; int()"))
        running.until_output("two")
        running.running.until(lambda: lines.count("starts") == 2, "the second start")
        begin = len(lines)
        running.running.until(lambda: len(lines) > begin + 60, "all workers")
        assert "one" not in lines[begin + 10 :]
        assert lines.count("starts") == 2
