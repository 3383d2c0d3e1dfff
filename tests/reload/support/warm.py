"""Play each scenario in its own process, forked from one that has finished the slow imports."""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.reload.support.play import Verdict, play, start_afresh
from tests.reload.support.scenario import read

__all__ = ["ENGINES", "Warm"]

DEADLINE = 60.0
"""The time limit for one scenario, in seconds; far more than any needs."""
OURS = "tests.reload.support.engines"
ENGINES = {"reloadls": f"{OURS}:Reloadls", "none": f"{OURS}:NoReload", "naive": f"{OURS}:Naive"}
"""Name → `module:class`; other names are used as they are."""
REPOSITORY = Path(__file__).parents[3]


class Warm:
    """The connection from the tests to the forking process."""

    def __init__(self, preload: Sequence[str], python: str = sys.executable) -> None:
        self._process = subprocess.Popen(
            [python, "-B", "-W", "ignore", "-m", "tests.reload.support.warm", *preload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            text=True,
        )

    def play(self, path: str, engine: str) -> Verdict:
        """Play a scenario with an engine."""
        return self._ask({"path": path, "engine": engine})

    def start_afresh(self, path: str, step: int) -> Verdict:
        """Check a step in a program that starts from the files of that step."""
        return self._ask({"path": path, "step": step})

    def _ask(self, request: dict[str, Any]) -> Verdict:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the warm process has ended, with {self._process.wait()}")
        return Verdict(**json.loads(answer))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def serve(preload: Sequence[str]) -> None:
    for name in preload:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # keeps memory shared with the children
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(vars(forked(json.loads(line)))) + "\n")
        answers.flush()


def forked(request: dict[str, Any]) -> Verdict:
    """Play in a child process, within the time limit."""
    folder = os.path.realpath(tempfile.mkdtemp(prefix="reloadls-scenario-"))
    reader, writer = os.pipe()
    try:
        child = os.fork()
        if child == 0:
            os.close(reader)
            in_child(request, folder, writer)
        os.close(writer)
        verdict = read_verdict(reader, child)
        os.waitpid(child, 0)
        return verdict
    finally:
        os.close(reader)
        shutil.rmtree(folder, ignore_errors=True)


def read_verdict(reader: int, child: int) -> Verdict:
    content = b""
    while True:
        if not select.select([reader], [], [], DEADLINE)[0]:
            os.kill(child, signal.SIGKILL)
            return Verdict(f"it did not end within {DEADLINE:.0f} s")
        piece = os.read(reader, 65536)
        if not piece:
            return Verdict(**json.loads(content)) if content else Verdict("the process died")
        content += piece


def in_child(request: dict[str, Any], folder: str, writer: int) -> None:
    """Play, write the verdict, and end at once, even if other threads run."""
    output = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(output, number)
    try:
        verdict = run_request(request, folder)
    except BaseException:
        verdict = Verdict("the scenario itself: " + traceback.format_exc())
    content = json.dumps(vars(verdict)).encode()
    while content:
        content = content[os.write(writer, content) :]
    os._exit(0)


def run_request(request: dict[str, Any], folder: str) -> Verdict:
    scenario = read(Path(request["path"]))
    if "step" in request:
        return start_afresh(scenario, request["step"], folder)
    module, _, name = ENGINES.get(request["engine"], request["engine"]).partition(":")
    return play(scenario, getattr(importlib.import_module(module), name)(), folder)


if __name__ == "__main__":
    serve(sys.argv[1:])
