"""reloadls as a library: `FileWatcher` with the debounce, in milliseconds, that the command line names."""

from __future__ import annotations

import asyncio
import os
import sys

from reloadls import FileChange, FileWatcher
from tests.benchmarks.peers.telling import calling, ready, started, tell


async def main(root: str, debounce_ms: float) -> None:
    def on_change(changes: list[FileChange]) -> None:
        tell((change.change_type, os.fspath(change.path)) for change in changes)

    calling()
    watcher = FileWatcher(on_change, debounce_ms=debounce_ms, paths=[root])
    await watcher.start()
    started()
    ready()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
