"""SIGTERM drains a pool; a second one closes it."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

__all__ = ["on_sigterm"]


@contextmanager
def on_sigterm(first: Callable[[], object], later: Callable[[], object]) -> Iterator[None]:
    """While inside, call `first()` on the event loop at the first SIGTERM, and `later()` at each that follows.

    The handler that was there before is restored. Outside of the main thread, where Python allows no handlers, nothing
    is called.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    calls = iter((first,))

    def handle() -> None:
        next(calls, later)()

    previous = signal.getsignal(signal.SIGTERM)
    _set(loop, handle)
    try:
        yield
    finally:
        with suppress(NotImplementedError, RuntimeError):
            loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, previous if previous is not None else signal.SIG_DFL)


def _set(loop: asyncio.AbstractEventLoop, handle: Callable[[], None]) -> None:
    try:
        loop.add_signal_handler(signal.SIGTERM, handle)
    except NotImplementedError:  # Windows

        def from_anywhere(number: int, frame: FrameType | None) -> Any:
            loop.call_soon_threadsafe(handle)

        signal.signal(signal.SIGTERM, from_anywhere)
