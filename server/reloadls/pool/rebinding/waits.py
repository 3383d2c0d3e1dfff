"""Which pinned sessions changes of code wait for, and for how long."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from reloadls.base.pins import SessionPins, session_pins

if TYPE_CHECKING:
    from reloadls.base.live_sessions import LiveSession
    from reloadls.pool.clock import Clock, Timer
    from reloadls.pool.sessions.session import Session

__all__ = ["PinnedCode"]

_log = logging.getLogger(__name__)


class PinnedCode:
    """Pins the code of sessions, until they are released or a change has waited for too long.

    Args:
        clock: what measures the waiting.
        timeout_s: how long a change waits for one session.
        waits: called with the id of each session that a change begins to wait for.
        changed: called when a change waits no longer, since it has waited for too long.
        pins: those of this process.
    """

    def __init__(
        self,
        clock: Clock,
        timeout_s: float,
        waits: Callable[[str], None],
        changed: Callable[[], object],
        pins: SessionPins = session_pins,
    ) -> None:
        self._clock = clock
        self._timeout_s = timeout_s
        self._waits = waits
        self._changed = changed
        self._pins = pins
        self._pinned: set[LiveSession] = set()
        self._timers: dict[LiveSession, Timer] = {}
        self._stop: Callable[[], None] = lambda: None

    @property
    def awaited(self) -> tuple[str, ...]:
        """The ids of the sessions that a change waits for. On any thread."""
        return tuple(session.id for session in list(self._timers))

    def start(self) -> None:
        """Notice from now on when a change waits."""
        loop = asyncio.get_running_loop()
        self._stop = self._pins.when_awaited(lambda sessions: _call(loop, lambda: self._on_wait(sessions)))

    def stop(self) -> None:
        """End it; no session is pinned any more."""
        self._stop()
        self._release(tuple(self._pinned))

    def add(self, session: Session) -> None:
        """A session goes on with the code as it is now."""
        self._pins.add(session)
        self._pinned.add(session)

    def remove(self, session: Session) -> None:
        """A session follows changes again. Does nothing if it does already."""
        self._release((session,))

    def _release(self, sessions: Iterable[LiveSession]) -> None:
        for session in sessions:
            timer = self._timers.pop(session, None)
            if timer is not None:
                timer.cancel()
            if session in self._pinned:
                self._pinned.discard(session)
                self._pins.remove(session)

    def _on_wait(self, sessions: Collection[LiveSession]) -> None:
        for session in sessions:
            if session in self._pinned and session not in self._timers:
                _log.info("a change waits for session %r, which is pinned", session.id)
                self._timers[session] = self._clock.call_later(self._timeout_s, lambda each=session: self._late(each))  # type: ignore[misc]
                self._waits(session.id)

    def _late(self, session: LiveSession) -> None:
        text = "session %r has been pinned for %g s while a change waited, which is applied now"
        _log.warning(text, session.id, self._timeout_s)
        self._release((session,))
        self._changed()


def _call(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:  # the loop is closed
        return
