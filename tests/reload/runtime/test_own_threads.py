"""A program does not see the runtime's threads, so that it may wait for all others to end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.reload.runtime.programs import program, write

_APP = """
import os
import threading
import time
import word

def show(name):
    threading.Thread(target=time.sleep, args=(0.05,)).start()
    for each in threading.enumerate():
        if each is not threading.current_thread():
            each.join()
    print(name, threading.active_count(), [each.name for each in threading.enumerate()], flush=True)

print("begun", flush=True)
while word.word() == "one":
    time.sleep(0.01)
show("parent")
if hasattr(os, "fork"):
    child = os.fork()
    if not child:
        while word.word() == "two":
            time.sleep(0.01)
        show("child")
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="it forks")
def test_a_program_joins_all_threads(tmp_path: Path) -> None:
    write(tmp_path, app=_APP, word="def word():\n    return 'one'\n")
    with program(tmp_path) as running:
        running.until_output("begun")
        running.write(word="def word():\n    return 'two'\n")
        running.until_output("parent 1 ['MainThread']")
        running.until_stderr("reloaded")
        running.write(word="def word():\n    return 'three'\n")
        running.until_output("child 1 ['MainThread']")
