"""Wait until a file appears in a folder, and print it: `python watch_stream.py FOLDER NAME`."""

from __future__ import annotations

import asyncio
import sys

from reloadls import FileWatcher


async def main(folder: str, name: str) -> None:
    """Read batches until one has the file."""
    async with FileWatcher(paths=[folder], debounce_ms=50) as watcher:
        print("watching", flush=True)
        async for changes in watcher:
            for change in changes:
                if change.path.name == name and change.change_type != "deleted":
                    print(change.path.read_text(encoding="utf-8"), flush=True)
                    return


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
