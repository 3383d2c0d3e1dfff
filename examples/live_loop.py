"""A program that adds up the numbers in its input: `reloadls run live_loop.py`. Edit `step`: the total stays."""

from __future__ import annotations

import asyncio
import sys

from reloadls.reload import on_reload

TOTAL = {"value": 0}


def step(number: int) -> int:
    """Return what is added for one number."""
    return number


@on_reload
def changed(report: object) -> None:
    """Run after each reload that changed something."""
    print("reloaded", flush=True)


async def main() -> None:
    """Read and add until the input ends."""
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        TOTAL["value"] += step(int(line))
        print(TOTAL["value"], flush=True)


if __name__ == "__main__":
    asyncio.run(main())
