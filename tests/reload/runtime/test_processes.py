"""`multiprocessing`: edits of the script and of its modules are applied in every process."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from tests.reload.runtime.programs import program, write

_SCRIPT = """
import multiprocessing, os, sys, time
import word

START = "{start}"
MARK = "mark"


def said():
    return f"{{MARK}} {{word.word()}}"


def work(parent):
    while os.getppid() in (parent, 1) or START == "forkserver":
        os.write(1, f"worker {{said()}}\\n".encode())
        time.sleep(0.02)
        if not multiprocessing.parent_process().is_alive():
            return


if __name__ == "__main__":
    worker = multiprocessing.get_context(START).Process(target=work, args=(os.getpid(),))
    worker.start()
    worker.join()
"""
_STARTS = [start for start in multiprocessing.get_all_start_methods() if start != "fork"]


@pytest.mark.parametrize("as_module", [False, True], ids=["script", "module"])
@pytest.mark.parametrize("start", _STARTS)
def test_edits_are_applied_in_multiprocessing_workers(tmp_path: Path, start: str, as_module: bool) -> None:
    script = _SCRIPT.format(start=start)
    write(tmp_path, app=script, word="def word():\n    return 'one'\n")
    options, run = (("-m",), "app") if as_module else ((), "app.py")
    with program(tmp_path, *options, run=run) as running:
        running.until_output("worker mark one")
        running.write(word="def word():\n    return 'two'\n")
        running.until_output("worker mark two")
        running.write(app=script.replace("{MARK} ", "{MARK} now "))
        running.until_output("worker mark now two")
        running.write(app=script.replace("{MARK} ", "{MARK} now ").replace('MARK = "mark"', 'MARK = "sign"'))
        running.until_output("worker sign now two")
