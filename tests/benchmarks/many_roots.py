"""Many folder roots beside one: how long watching takes to begin, and how long a save takes to be reported.

``python -m tests.benchmarks.many_roots [ROOTS ...]`` prints one row for each number of roots and asserts nothing.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from reloadls import FileChange, FileWatcher

_NUMBERS = (1, 1000, 3000)
_SAVES = 9


async def measure(folder: Path, number: int) -> tuple[float, float, float]:
    """Seconds that `start` takes, ms from a save to its report (median), ms of a save in all roots at once."""
    roots = [folder / f"r{index}" for index in range(number)]
    for root in roots:
        root.mkdir()
        (root / "a.py").touch()
    reported: set[Path] = set()
    came = asyncio.Event()

    def on_change(changes: list[FileChange]) -> None:
        reported.update(change.path for change in changes)
        came.set()

    watcher = FileWatcher(on_change, paths=roots, debounce_ms=1)
    begun = time.monotonic()
    async with watcher:
        start = time.monotonic() - begun
        times = [await save([roots[index % number]], reported, came) for index in range(_SAVES)]
        everywhere = await save(roots, reported, came)
    return start, statistics.median(times), everywhere


async def save(roots: list[Path], reported: set[Path], came: asyncio.Event) -> float:
    """Write to a file of each of `roots`; ms until all of them are reported."""
    reported.clear()
    begun = time.monotonic()
    for root in roots:
        (root / "a.py").write_text(str(time.monotonic_ns()))
    while len(reported) < len(roots):
        came.clear()
        await came.wait()
    return (time.monotonic() - begun) * 1000


def main() -> None:
    """Measure the numbers of roots that the command line names."""
    print(f"{'folder roots':>12}  {'start, s':>9}  {'save → report, ms':>18}  {'a save in each root, ms':>24}")
    for number in [int(text) for text in sys.argv[1:]] or _NUMBERS:
        with tempfile.TemporaryDirectory(prefix="reloadls-roots-") as name:
            start, one, everywhere = asyncio.run(measure(Path(name), number))
        print(f"{number:>12,}  {start:>9.2f}  {one:>18.1f}  {everywhere:>24.1f}", flush=True)


if __name__ == "__main__":
    main()
