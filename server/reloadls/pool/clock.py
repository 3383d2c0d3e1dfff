"""Where a pool's time comes from, and how it waits with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Any, Protocol

__all__ = ["Clock", "SystemClock", "Timer", "all_done"]


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> object:
        """No longer make the call."""


class Clock(Protocol):
    """What measures time. Tests pass one that they advance themselves."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""

    def time(self) -> float:
        """Seconds since the epoch."""

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        """Call `callback()` on the running event loop after `delay_s` seconds."""


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        """Call `callback()` on the running event loop after `delay_s` seconds."""
        return asyncio.get_running_loop().call_later(delay_s, callback)


async def all_done(clock: Clock, futures: Collection[asyncio.Future[Any]], seconds: float | None) -> bool:
    """Wait until all futures are done, whatever their results; cancels none of them.

    Args:
        clock: what measures `seconds`.
        futures: what is waited for.
        seconds: how long at most; None waits without a limit.

    Returns:
        Whether all are done.
    """
    waiting = {future for future in futures if not future.done()}
    if not waiting:
        return True
    over: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def end(result: bool) -> None:
        if not over.done():
            over.set_result(result)

    def on_done(future: asyncio.Future[Any]) -> None:
        waiting.discard(future)
        if not waiting:
            end(True)

    for future in tuple(waiting):
        future.add_done_callback(on_done)
    timer = None if seconds is None else clock.call_later(seconds, lambda: end(False))
    try:
        return await over
    finally:
        if timer is not None:
            timer.cancel()
        for future in tuple(waiting):
            future.remove_done_callback(on_done)
