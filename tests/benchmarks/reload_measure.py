"""One engine's own figures, in a process of its own: `python -m tests.benchmarks.reload_measure ENGINE EDITS`.

save: save → live of a module of 500 lines, where the engine watches by itself. call: the call that takes the save up.
objects: the same with 3 million live objects. memory: what 1,000 reloads, or a minute of them, add, in per cent.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from tests.benchmarks.reload_roster import ENGINES
from tests.reload.support.disk import Change, write
from tests.reload.support.engines import Engine

__all__ = ["main"]

OBJECTS = 3_000_000
RELOADS = 1_000
WARM_UP = 300
"""Reloads before memory is first looked at: what grows until then are caches that have a bound."""


def source(number: int) -> str:
    """A module of 500 lines; `number` is what the edited function returns."""
    parts = ['"""A module of 500 lines."""\n\nimport functools\n\n']
    for each in range(24):
        parts.append(
            f"LIMIT_{each} = {each}\n\n\ndef function_{each}(value, factor=LIMIT_{each}):\n"
            f'    """Work {each}."""\n    total = 0\n    for step in range(value):\n        total += step * factor\n'
            f"    return total\n\n\nclass Class{each}:\n    size = {each}\n\n    def __init__(self, value):\n"
            f"        self.value = value\n\n    def method(self):\n        return function_{each}(self.value)\n\n\n"
        )
    return "".join(parts) + f"def version():\n    return {number}\n"


class Bench:
    """A module under an engine, edited again and again."""

    def __init__(self, engine: Engine, folder: str) -> None:
        self.engine = engine
        self.number = 0
        self.path = os.path.join(folder, "bench_module.py")
        write(self.path, source(0))
        sys.path.insert(0, folder)
        engine.start(folder)
        self.namespace: dict[str, Any] = {"__name__": "outside"}
        engine.execute("import bench_module\nversion = bench_module.version", "bench", self.namespace)

    def edit(self) -> None:
        self.number += 1
        write(self.path, source(self.number))

    def call(self) -> float:
        """Milliseconds of one call that takes an edit up."""
        self.edit()
        began = time.perf_counter()
        self.engine.apply([Change(self.path, "modified")])
        took = (time.perf_counter() - began) * 1000
        if self.version() != self.number:
            raise RuntimeError("the edit is not live")
        return took

    def version(self) -> int:
        """That of the code that runs; -1 if there is none, as where an engine has read a file that is half written."""
        found = getattr(sys.modules["bench_module"], "version", None)
        return -1 if found is None else found()

    def calls(self, count: int) -> float:
        return statistics.median(self.call() for _ in range(count))

    def calls_within(self, count: int) -> int:
        """As many calls as this, but no more than fit into a minute; how many they were."""
        deadline = time.monotonic() + 60
        done = 0
        while done < count and time.monotonic() < deadline:
            self.call()
            done += 1
        return done


def memory() -> int:
    """Resident bytes."""
    gc.collect()
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measured(name: str, edits: int) -> dict[str, float]:
    contender = next(each for each in ENGINES if each.id == name)
    module, _, driver = contender.driver.partition(":")
    engine: Engine = getattr(importlib.import_module(module), driver)()
    with tempfile.TemporaryDirectory(prefix="reloadls-bench-") as folder:
        bench = Bench(engine, os.path.realpath(folder))
        figures = {"lines": float(source(0).count("\n")), "call": bench.calls(edits)}
        if watched := WATCHED.get(name):
            figures["save"] = statistics.median(watched(bench, edits))
        bench.calls_within(WARM_UP if edits > 5 else 20)
        before = memory()
        figures["reloads"] = bench.calls_within(RELOADS if edits > 5 else 50)
        figures["memory"] = (memory() / before - 1) * 100
        live = [[number] for number in range(OBJECTS)]
        figures["objects"] = bench.calls(max(3, edits // 4))
        figures["live"] = float(len(live))
    return figures


def saved(bench: Bench) -> float:
    """Milliseconds from the write to the first call that runs the new code."""
    bench.edit()
    began = time.perf_counter()
    deadline = began + 20
    while bench.version() != bench.number:
        if time.perf_counter() > deadline:
            raise TimeoutError("no new code came")
        time.sleep(0.0002)
    took = (time.perf_counter() - began) * 1000
    time.sleep(0.1)  # saves are apart from each other, as a person's are
    return took


def jurigged_watches(bench: Bench, edits: int) -> list[float]:
    """Its watcher as it is by default, beside the registry that is there."""
    live: Any = importlib.import_module("jurigged.live")
    watcher = live.Watcher(live.registry)
    watcher.on_prepare("bench_module", bench.path)
    watcher.start()
    times = [saved(bench) for _ in range(edits)]
    watcher.stop()
    return times


WATCHED: dict[str, Callable[[Bench, int], list[float]]] = {"jurigged": jurigged_watches}


def main(name: str, edits: str) -> None:
    output = os.dup(1)
    os.dup2(2, 1)  # whatever an engine prints is no figure
    with contextlib.suppress(BrokenPipeError):
        os.write(output, (json.dumps(measured(name, int(edits))) + "\n").encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
