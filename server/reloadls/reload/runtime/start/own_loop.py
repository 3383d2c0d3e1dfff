"""The event loop of the runtime's thread. Imported as late as can be: a program need not wait for asyncio to start."""

from __future__ import annotations

import asyncio
import logging
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["CancelledError", "forgetter", "run", "stopper"]

CancelledError = asyncio.CancelledError


def _is_programs(record: logging.LogRecord) -> bool:
    return not (record.threadName or "").startswith("reloadls-")


logging.getLogger("asyncio").addFilter(_is_programs)


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose selector is known."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        super().__init__(self.selector)

    def forget(self) -> None:
        """In a forked child: let go of the parent's descriptors; to close the loop would change what that waits for."""
        self.selector.close()
        for own in (getattr(self, "_ssock", None), getattr(self, "_csock", None)):
            if own is not None:
                own.close()


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run until that has ended, on a loop of its own: not of the kind that the program's policy may make."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        runner.run(work)


def stopper() -> Callable[[], object]:
    """What cancels the task that calls this, from any thread."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    assert task is not None
    return lambda: loop.call_soon_threadsafe(task.cancel)


def forgetter() -> Callable[[], object]:
    """What lets go, in a forked child, of the loop that calls this."""
    loop = asyncio.get_running_loop()
    return loop.forget if isinstance(loop, _Loop) else lambda: None
