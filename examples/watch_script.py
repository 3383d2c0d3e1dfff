"""Print each change below a folder until Ctrl-C: `python watch_script.py FOLDER`."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from reloadls import FileChange, FileWatcher


def show(changes: list[FileChange]) -> None:
    """Print one batch. A plain function works as well as an async one."""
    for change in changes:
        print(change.change_type, change.path.name, flush=True)


async def main(folder: str) -> None:
    """Watch until the script is interrupted."""
    async with FileWatcher(show, paths=[folder], debounce_ms=50):
        print("watching", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1]))
