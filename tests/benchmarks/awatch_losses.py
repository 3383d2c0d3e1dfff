"""Which changes a plain loop over `watchfiles.awatch` loses or invents, case by case, with FileWatcher beside it.

The cases are those of the tests, so each is known to be one that a watcher can fail.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from tests.support.losses import FROZEN_LOSSES, LOSSES, Loss, difference
from tests.support.watching import Net, ProcessRecorder, running

Tool = Literal["awatch", "FileWatcher"]
_TOOLS: tuple[Tool, ...] = ("awatch", "FileWatcher")


def all_of_it(told: Net, expected: Net) -> bool:
    """Whether each path was told as what became of it; a fair count asks no more."""
    return all(told.get(path) == kind for path, kind in expected.items())


def is_folder(path: str) -> bool:
    """Awatch tells of folders too; that is no fault."""
    return os.path.isdir(path)


async def settled(told: ProcessRecorder, expected: Net, patience: float) -> Net:
    """What was told once all was, or after `patience` seconds; then a moment for what should not be told."""
    try:
        await told.until(lambda: all_of_it(told.net(), expected), patience)
    except AssertionError:
        return told.net()
    await asyncio.sleep(0.2)
    return told.net()


async def run(loss: Loss, tool: Tool, patience: float, *, frozen: bool, at_once: bool) -> str:
    """How many of the changes `tool` lost, told as something else, and invented."""
    patience = max(patience, 12.0) if loss.by_net and tool == "FileWatcher" else patience
    with tempfile.TemporaryDirectory() as folder:
        place = loss.begin(Path(folder))
        due = lost = wrong = extra = 0
        async with running(loss.roots(place), tool=tool, net=5.0 if loss.by_net else 1000.0) as told:
            if not at_once:
                await asyncio.sleep(0.5)
            for step in loss.steps:
                before = loss.state(place)
                if frozen:
                    told.freeze()
                begun = time.monotonic()
                step(place)
                if frozen:
                    await asyncio.sleep(max(0.0, begun + 1.6 - time.monotonic()))
                    told.thaw()
                expected = difference(before, loss.state(place))
                got = {
                    path: kind
                    for path, kind in (await settled(told, expected, patience)).items()
                    if "sentinel" not in path
                }
                due += len(expected)
                lost += sum(path not in got for path in expected)
                wrong += sum(path in got and got[path] != kind for path, kind in expected.items())
                extra += sum(path not in expected and not is_folder(path) for path in got)
                told.clear()
    parts = [f"{count} {word}" for count, word in ((lost, "lost"), (wrong, "wrong"), (extra, "invented")) if count]
    late = " (by the safety net)" if loss.by_net and tool == "FileWatcher" else ""
    return f"{', '.join(parts)} of {due}" if parts else f"ok{late}"


_AT_ONCE = Loss("a write right after start", (lambda place: (place.root / "one.py").write_text("1"),))


async def compare(only: Iterable[str], patience: float) -> None:
    cases = [(_AT_ONCE, False, True)]
    cases += [(loss, True, False) for loss in FROZEN_LOSSES]
    cases += [(loss, False, False) for loss in LOSSES]
    words = list(only)
    print(f"| case | {' | '.join(_TOOLS)} |\n|---|{'---|' * len(_TOOLS)}")
    for loss, frozen, at_once in cases:
        if not words or any(word in loss.name for word in words):
            results = []
            for tool in _TOOLS:
                try:
                    results.append(await run(loss, tool, patience, frozen=frozen, at_once=at_once))
                except AssertionError as error:
                    results.append(str(error))
            print(f"| {loss.name} | {' | '.join(results)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", help="words; only cases with one of them in their name")
    parser.add_argument("--patience", type=float, default=6.0, help="seconds until what was not told counts as lost")
    arguments = parser.parse_args()
    asyncio.run(compare(arguments.only, arguments.patience))


if __name__ == "__main__":
    main()
