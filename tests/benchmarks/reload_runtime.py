"""What the reload runtime costs a program: how much later it starts, what it takes while nothing changes, save → live.

Prints a table and asserts nothing: run ``python -m tests.benchmarks.reload_runtime`` from the repository's top, on a
quiet machine, or name what to measure: ``start``, ``idle``, ``save``. ``--python`` takes another interpreter, one with
FastAPI for instance; it finds reloadls through PYTHONPATH.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.cli.running import environment
from tests.reload.runtime.programs import runtime_folder

Row = tuple[str, str, str]

RUNS = 15
IDLE_S = 10.0
SAVES = 60

PROGRAMS = {
    "nothing": "",
    "FastAPI": "import fastapi\napp = fastapi.FastAPI()\n",
    "pygls": "import pygls.lsp.server\n",
}
"""What a program imports before it does anything; those that are not installed are left out."""

IDLE = {
    "an idle event loop": "import asyncio\nasyncio.run(asyncio.Event().wait())\n",
    "an idle main thread": "import threading\nthreading.Event().wait()\n",
}

LIVE = {
    "event loop": "import asyncio, word\n\n\nasync def main():\n    while True:\n        word.word()\n"
    "        await asyncio.sleep(0.001)\n\n\nasyncio.run(main())\n",
    "main thread that waits": "import threading\nimport word\nthreading.Event().wait()\n",
    "main thread that computes": "import word\nwhile True:\n    word.word()\n",
}


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=[*MEASURES, []], help="what to measure; everything if left out")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that runs the programs")
    asked = parser.parse_args()
    print(f"{'figure':<52} {'bar':<22} measured")
    for name in asked.what or list(MEASURES):
        with tempfile.TemporaryDirectory(prefix="reloadls-bench-") as folder:
            for figure, bar, measured in MEASURES[name](asked.python, Path(folder)):
                print(f"{figure:<52} {bar:<22} {measured}", flush=True)


def start(python: str, folder: Path) -> Iterator[Row]:
    """How much longer a program takes that ends as soon as it has started, and how much more it computes."""
    for name, text in PROGRAMS.items():
        (folder / "app.py").write_text(text)
        if subprocess.run([python, "app.py"], cwd=folder, stderr=subprocess.DEVNULL, check=False).returncode:
            continue
        plain, ours = _starts(folder, [python, "app.py"], [python, "-m", "reloadls", "run", "app.py"])
        for what, index in (("time", 0), ("CPU time", 1)):
            before, after = (statistics.median(run[index] for run in runs) for runs in (plain, ours))
            told = f"{before * 1000:.0f} → {after * 1000:.0f} ms ({(after / before - 1) * 100:+.0f} %)"
            yield f"start of a program that imports {name}, {what}", "+15 %" if name != "nothing" else "", told


def _starts(folder: Path, *commands: list[str]) -> list[list[tuple[float, float]]]:
    env = environment()
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # or we would be compiled each time
    runs: list[list[tuple[float, float]]] = [[] for _ in commands]
    for number in range(RUNS + 1):
        for command, found in zip(commands, runs, strict=True):
            took = _timed(command, folder, env)
            if number:  # the first compiles
                found.append(took)
    return runs


def _timed(command: list[str], folder: Path, env: dict[str, str]) -> tuple[float, float]:
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=folder, env=env, check=True)
    took, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def idle(python: str, folder: Path) -> Iterator[Row]:
    """What a program under the runtime computes while nothing happens, beside a tree of 2,000 files."""
    for number in range(2000):
        place = folder / f"d{number % 50}"
        place.mkdir(exist_ok=True)
        (place / f"f{number}.py").touch()
    for name, text in IDLE.items():
        (folder / "app.py").write_text(text)
        with _running(python, folder) as process:
            used = _cpu(process)
            time.sleep(IDLE_S)
            used = _cpu(process) - used
        yield f"CPU of {name} under the runtime", "under 1 %", f"{used / IDLE_S * 100:.2f} %"


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def save(python: str, folder: Path) -> Iterator[Row]:
    """From a save to its being live, at the default window."""
    for name, text in LIVE.items():
        word = folder / "word.py"
        word.write_text(_word(0))
        (folder / "app.py").write_text(text)
        with _running(python, folder):
            took = [_save(folder, word, number) for number in range(1, SAVES + 1)]
        took.sort()
        told = f"{statistics.median(took):.1f} ms, p90 {took[len(took) * 9 // 10]:.1f} ms"
        yield f"save → live, {name}, median of {SAVES}", "under 30 ms" if name == "event loop" else "", told


def _word(number: int) -> str:
    # The initializer runs again with each save, and says so.
    told = "os.replace((open('new', 'w').write(str(NUMBER)), 'new')[1], 'live')"
    return f"import os\nNUMBER = {number}\n{told}\n\n\ndef word():\n    return {number}\n"


def _save(folder: Path, word: Path, number: int) -> float:
    time.sleep(0.05)
    begun = time.perf_counter()
    word.write_text(_word(number))
    live, deadline = folder / "live", begun + 5
    while time.perf_counter() < deadline:
        if live.read_text() == str(number):
            return (time.perf_counter() - begun) * 1000
        time.sleep(0.0002)
    raise TimeoutError("a save did not go live within 5 s")


@contextmanager
def _running(python: str, folder: Path) -> Iterator[psutil.Process]:
    with runtime_folder() as runtime:
        env = environment(XDG_RUNTIME_DIR=os.fspath(runtime))
        command = [python, "-m", "reloadls", "run", "--quiet", "app.py"]
        with subprocess.Popen(command, cwd=folder, env=env) as process:
            try:
                file = runtime / "reloadls" / "targets" / f"{process.pid}.json"
                while not file.exists():
                    time.sleep(0.01)
                time.sleep(1.0)
                yield psutil.Process(process.pid)
            finally:
                process.kill()


MEASURES: dict[str, Callable[[str, Path], Iterator[Row]]] = {"start": start, "idle": idle, "save": save}

if __name__ == "__main__":
    main()
