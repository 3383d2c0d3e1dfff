"""The event loop of the runtime's thread. Imported as late as can be: a program need not wait for asyncio to start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["CancelledError", "run", "stopper"]

CancelledError = asyncio.CancelledError


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run until that has ended, on a loop of its own: not of the kind that the program's policy may make."""
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(work)


def stopper() -> Callable[[], object]:
    """What cancels the task that calls this, from any thread."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    assert task is not None
    return lambda: loop.call_soon_threadsafe(task.cancel)
