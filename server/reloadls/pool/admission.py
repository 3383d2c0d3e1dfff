"""Who gets a place: never more than there are, in the order in which they ask."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from .errors import PoolFull

if TYPE_CHECKING:
    from .clock import Clock

__all__ = ["Admission"]


class Admission:
    """Hands out a fixed number of places. Used on one event loop.

    A place that is returned goes to the first waiter, so nobody overtakes those who wait.

    Args:
        places: how many there are.
        clock: what measures the waiting.
        changed: called when places are taken or returned, and when somebody begins to wait.
    """

    def __init__(self, places: int, clock: Clock, changed: Callable[[], object] = lambda: None) -> None:
        self.places = places
        self._changed = changed
        self.taken = 0
        """By sessions, and by reservations that have not become one."""
        self._clock = clock
        self._waiters: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for a place. On any thread."""
        return sum(not waiter.done() for waiter in list(self._waiters))

    def take_now(self) -> None:
        """Take a place.

        Raises:
            PoolFull: there is none.
        """
        if self.taken >= self.places:
            raise PoolFull(f"all {self.places} places are taken")
        self.taken += 1
        self._changed()

    async def take(self, wait_s: float) -> None:
        """Take a place, and wait for one if there is none.

        Args:
            wait_s: for how many seconds at most; 0 does not wait.

        Raises:
            PoolFull: there was none in time.
        """
        if self.taken < self.places or wait_s <= 0:
            self.take_now()
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._changed()
        full = PoolFull(f"all {self.places} places stayed taken for {wait_s:g} s")
        timer = self._clock.call_later(wait_s, lambda: _refuse(waiter, full))
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.give_back()  # it was granted in the moment of the cancellation
            raise
        finally:
            timer.cancel()
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def give_back(self) -> None:
        """Return a place; the first waiter has it from now on."""
        self.taken -= 1
        self._grant()

    def resize(self, places: int) -> None:
        """So many places can be used from now on. What is taken stays taken."""
        self.places = places
        self._grant()

    def _grant(self) -> None:
        self._changed()
        while self._waiters and self.taken < self.places:
            waiter = self._waiters.popleft()
            if not waiter.done():
                self.taken += 1
                waiter.set_result(None)

    def refuse_all(self, error: Callable[[], Exception]) -> None:
        """Raise an error, made by `error()`, in each who waits."""
        while self._waiters:
            _refuse(self._waiters.popleft(), error())


def _refuse(waiter: asyncio.Future[None], error: Exception) -> None:
    if not waiter.done():
        waiter.set_exception(error)
