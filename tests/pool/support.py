"""A clock that tests advance, and sessions that do as they are asked."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reloadls.pool import Session


@dataclass(order=True)
class _Due:
    at: float
    number: int
    callback: Callable[[], object] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.cancelled = True


class FakeClock:
    """Time stands still until `advance`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._due: list[_Due] = []
        self._numbers = itertools.count()

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_700_000_000 + self.now

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> _Due:
        due = _Due(self.now + delay_s, next(self._numbers), callback)
        heapq.heappush(self._due, due)
        return due

    @property
    def pending(self) -> int:
        """How many calls are due later."""
        return sum(not due.cancelled for due in self._due)

    def advance(self, seconds: float) -> None:
        """Make all calls that are due within the time, in order."""
        until = self.now + seconds
        while self._due and self._due[0].at <= until:
            due = heapq.heappop(self._due)
            self.now = max(self.now, due.at)
            if not due.cancelled:
                due.callback()
        self.now = until


class Ended(BaseException):
    """As other frameworks' own exceptions of cancellation are."""


async def obey(session: Session) -> None:
    """Do what the data says: a list of orders, or a queue of them."""
    orders: asyncio.Queue[Any] = session.data
    while True:
        try:
            order = await orders.get()
        except asyncio.CancelledError:
            if getattr(orders, "deaf", False):
                continue
            raise
        if order == "end":
            return
        if isinstance(order, BaseException):
            raise order


def orders(*first: Any, deaf: bool = False) -> asyncio.Queue[Any]:
    """What a session is to do.

    Args:
        first: the first orders: "end", or an exception to raise.
        deaf: it ignores its cancellation.
    """
    queue: asyncio.Queue[Any] = asyncio.Queue()
    for order in first:
        queue.put_nowait(order)
    queue.deaf = deaf  # type: ignore[attr-defined]
    return queue


async def settle(until: Callable[[], object], turns: int = 10_000) -> None:
    """Let the event loop run until something holds."""
    for _ in range(turns):
        if until():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to hold")
