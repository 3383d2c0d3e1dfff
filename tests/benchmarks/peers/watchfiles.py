"""watchfiles: a loop over `awatch`, with its defaults or with the step, in milliseconds, that the command line names.

`awatch` does not say when it watches. Here it counts as ready when its native part has been made, and as started when
the task that runs it has been created: what a program that goes on at once can know.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import Any

from tests.benchmarks.peers.telling import calling, ready, started, tell

KINDS = {1: "created", 2: "modified", 3: "deleted"}


async def main(root: str, settings: dict[str, int]) -> None:
    watchfiles: Any = importlib.import_module("watchfiles")
    inner: Any = importlib.import_module("watchfiles.main")
    native = inner.RustNotify

    def make(*args: Any) -> Any:
        made = native(*args)
        ready()
        return made

    inner.RustNotify = make

    async def loop() -> None:
        async for changes in watchfiles.awatch(root, **settings):
            tell((KINDS[change], path) for change, path in changes)

    calling()
    task = asyncio.create_task(loop())
    started()
    await task


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], {"debounce": 200, "step": int(sys.argv[2])} if sys.argv[2:] else {}))
