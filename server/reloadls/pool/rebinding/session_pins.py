"""Which sessions hold changes of code back, and for how long."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from reloadls.base.pins import Pins, pins

if TYPE_CHECKING:
    from reloadls.pool.clock import Clock, Timer
    from reloadls.pool.sessions.session import Session

__all__ = ["SessionPins"]

_log = logging.getLogger(__name__)


class SessionPins:
    """One pin of the process for each pinned session, until it is released or a change has waited for too long.

    Args:
        clock: what measures the waiting.
        timeout_s: how long a change waits for one session.
        waits: called with the id of each session that a change begins to wait for.
        process_pins: those of the process.
    """

    def __init__(self, clock: Clock, timeout_s: float, waits: Callable[[str], None], process_pins: Pins = pins) -> None:
        self._clock = clock
        self._timeout_s = timeout_s
        self._waits = waits
        self._pins = process_pins
        self._holding: set[Session] = set()
        self._timers: dict[Session, Timer] = {}
        self._stop: Callable[[], None] = lambda: None

    @property
    def awaited(self) -> tuple[str, ...]:
        """The ids of the sessions that a change waits for. On any thread."""
        return tuple(session.id for session in list(self._timers))

    def start(self) -> None:
        """Notice from now on when a change waits."""
        loop = asyncio.get_running_loop()
        self._stop = self._pins.when_awaited(lambda: _call(loop, self._on_wait))

    def stop(self) -> None:
        """End it; no session holds anything any more."""
        self._stop()
        for session in tuple(self._holding):
            self.remove(session)

    def add(self, session: Session) -> None:
        """A session is pinned from now on."""
        self._pins.add()
        self._holding.add(session)

    def remove(self, session: Session) -> None:
        """A session is no longer pinned. Does nothing if it holds nothing."""
        timer = self._timers.pop(session, None)
        if timer is not None:
            timer.cancel()
        if session in self._holding:
            self._holding.discard(session)
            self._pins.remove()

    def _on_wait(self) -> None:
        for session in self._holding - self._timers.keys():
            _log.info("a change waits for session %r, which is pinned", session.id)
            self._timers[session] = self._clock.call_later(self._timeout_s, lambda each=session: self._late(each))  # type: ignore[misc]
            self._waits(session.id)

    def _late(self, session: Session) -> None:
        text = "session %r has been pinned for %g s while a change waited, which is applied now"
        _log.warning(text, session.id, self._timeout_s)
        self.remove(session)


def _call(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:  # the loop is closed
        return
