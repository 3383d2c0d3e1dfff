"""The event loop of the runtime's thread. Imported late, so that the program does not wait for asyncio."""

from __future__ import annotations

import asyncio
import logging
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["CancelledError", "descriptor_closer", "run", "canceller"]

CancelledError = asyncio.CancelledError


def _is_programs(record: logging.LogRecord) -> bool:
    return not (record.threadName or "").startswith("reloadls-")


logging.getLogger("asyncio").addFilter(_is_programs)


class _Loop(asyncio.SelectorEventLoop):
    """An event loop with access to its selector."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        super().__init__(self.selector)

    def forget(self) -> None:
        """In a forked child: close the descriptors only. `close` would unregister them from the parent's selector."""
        self.selector.close()
        for own in (getattr(self, "_ssock", None), getattr(self, "_csock", None)):
            if own is not None:
                own.close()


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine on a new loop, of our own class rather than the program's event loop policy."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        runner.run(work)


def canceller() -> Callable[[], object]:
    """Return a function that cancels the calling task from any thread."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    assert task is not None
    return lambda: loop.call_soon_threadsafe(task.cancel)


def descriptor_closer() -> Callable[[], object]:
    """Return a function that, in a forked child, closes the calling loop's descriptors."""
    loop = asyncio.get_running_loop()
    return loop.forget if isinstance(loop, _Loop) else lambda: None
