"""A function's edit in a project of 200 modules: the commit, the whole reload, and what 1,000 reloads add to memory.

Prints a table and asserts nothing: run ``python -m tests.benchmarks.reload_modules [OBJECTS ...]`` from the
repository's top, with ``--profile`` to see where the time goes. OBJECTS are how many objects the modules lead to.
Since machines are shared, times are of the thread's CPU, and each stands beside how often a fixed loop of 10,000
steps would have run in that time.
"""

from __future__ import annotations

import cProfile
import gc
import importlib
import os
import pstats
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from reloadls.reload import HotReloader
from reloadls.watch import FileChange
from tests.reload.support.disk import write

MODULES = 200
EDITS = 60
RELOADS = 1_000
WARM_UP = 300
"""Reloads before memory is first looked at: what grows until then are caches that have a bound."""


def source(number: int, returned: int) -> str:
    """A module of some 60 lines: functions, a class with objects, and a registry; it imports the one before it."""
    before = f"from project import m{number - 1}\n" if number else ""
    return f'''"""Module {number}."""

import functools
import re
{before}
LIMIT = {number}
WORD = re.compile("x{number}")
HANDLERS = {{}}
ROWS = []


def handler(name):
    def add(function):
        HANDLERS[name] = function
        return function

    return add


class Row:
    """One row."""

    size = LIMIT

    def __init__(self, number):
        self.number = number
        self.tags = [number]

    def total(self):
        return self.number * self.size + value()


@handler("first")
def first(row):
    return helper(row) + LIMIT


@handler("second")
def second(row, factor=LIMIT):
    return helper(row) * factor


@functools.lru_cache
def cached(key):
    return key * LIMIT


def helper(row):
    return row.total()


def value():
    return {returned}


def fill(count):
    ROWS.extend(Row(each) for each in range(count))
'''


class Timed:
    """What the commit takes, beside the reload that it is a part of."""

    def __init__(self) -> None:
        self.last = 0.0

    def __call__(self, step: Callable[[], None]) -> None:
        began = time.thread_time()
        step()
        self.last = time.thread_time() - began


def calibration() -> float:
    """Seconds that a fixed loop takes at this moment."""
    best = 1.0
    for _ in range(3):
        began = time.thread_time()
        total = 0
        for each in range(10_000):
            total += each & 3
        best = min(best, time.thread_time() - began)
    return best


def edits(
    reloader: HotReloader,
    folder: str,
    timed: Timed,
    count: int,
    first: int,
    *,
    profiler: cProfile.Profile | None = None,
) -> list[tuple[float, float, float]]:
    """Edit `value` of one module again and again: (commit, reload, calibration) in seconds.

    A profiler runs while the engine does, only: it holds the code of what it has seen called, `value` too.
    """
    path = os.path.join(folder, "project", f"m{MODULES // 2}.py")
    module = sys.modules[f"project.m{MODULES // 2}"]
    found = []
    for number in range(first, first + count):
        write(path, source(MODULES // 2, number))
        loop = calibration()
        began = time.thread_time()
        if profiler is not None:
            profiler.enable()
        report = reloader.apply([FileChange(Path(path), "modified")])
        if profiler is not None:
            profiler.disable()
        took = time.thread_time() - began
        if report.status != "reloaded" or module.value() != number or report.notes:
            raise RuntimeError(f"the edit is not live: {report}")
        found.append((timed.last, took, loop))
    return found


def measured(objects: int, *, profile: bool) -> None:
    """Print the rows of one project."""
    folder = os.path.realpath(tempfile.mkdtemp(prefix="reloadls-bench-"))
    os.mkdir(os.path.join(folder, "project"))
    write(os.path.join(folder, "project", "__init__.py"), "")
    for number in range(MODULES):
        write(os.path.join(folder, "project", f"m{number}.py"), source(number, 0))
    sys.path.insert(0, folder)
    timed = Timed()
    reloader = HotReloader([folder], commit=timed)
    try:
        for number in range(MODULES):
            importlib.import_module(f"project.m{number}").fill(objects // MODULES // 2)  # each with its list
        edits(reloader, folder, timed, 5, 1)
        found = edits(reloader, folder, timed, EDITS, 100)
        for what, index in (("commit", 0), ("reload", 1)):
            times = [each[index] * 1000 for each in found]
            ratio = statistics.median(each[index] / each[2] for each in found)
            row = f"{what}, {MODULES} modules, {objects:,} objects, median of {EDITS}"
            print(
                f"{row:<60} {statistics.median(times):7.2f} ms, best {min(times):6.2f} ms, {ratio:6.1f} loops",
                flush=True,
            )
        edits(reloader, folder, timed, WARM_UP, 1_000)
        before = _memory()
        edits(reloader, folder, timed, RELOADS, 10_000)
        row = f"memory, {objects:,} objects, before and after {RELOADS:,} reloads"
        print(f"{row:<60} {before:7.1f} MB → {_memory():.1f} MB", flush=True)
        if profile:
            profiler = cProfile.Profile()
            edits(reloader, folder, timed, 30, 500, profiler=profiler)
            pstats.Stats(profiler).sort_stats("tottime").print_stats(30)
    finally:
        reloader.close()
        sys.path.remove(folder)
        for name in [name for name in sys.modules if name.partition(".")[0] == "project"]:
            del sys.modules[name]
        shutil.rmtree(folder, ignore_errors=True)
    gc.collect()


def _memory() -> float:
    gc.collect()
    return psutil.Process().memory_info().rss / 1e6


def main() -> None:
    arguments = sys.argv[1:]
    profile = "--profile" in arguments
    for objects in [int(each) for each in arguments if each.isdigit()] or [0, 100_000, 1_000_000]:
        measured(objects, profile=profile)


if __name__ == "__main__":
    main()
