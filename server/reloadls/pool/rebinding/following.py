"""The pool's side of reloads: sessions are pinned, released, and follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from reloadls.base.live_sessions import live_sessions
from reloadls.pool.clock import Clock, all_done

from .rebinder import Rebinder
from .waits import PinnedCode

if TYPE_CHECKING:
    from reloadls.pool.sessions.session import Session

__all__ = ["Following"]


class Following:
    """Has the live sessions of a pool follow reloads, from `start` to `stop`.

    Args:
        sessions: the live ones.
        clock: what measures time.
        pin_timeout_s: how long a change waits for one pinned session.
        waits: called with the id of each session that a change begins to wait for.
        changed: called when a session is pinned, released, or has followed a reload.
    """

    def __init__(
        self,
        sessions: Callable[[], Iterable[Session]],
        clock: Clock,
        pin_timeout_s: float,
        waits: Callable[[str], None],
        changed: Callable[[], object],
    ) -> None:
        self._clock = clock
        self._changed = changed
        self.rebinder = Rebinder(sessions, clock, changed)
        self._pins = PinnedCode(clock, pin_timeout_s, waits, changed)

    @property
    def awaited(self) -> tuple[str, ...]:
        """The ids of the sessions that a change waits for."""
        return self._pins.awaited

    def start(self) -> None:
        """Follow reloads from now on."""
        self.rebinder.start()
        self._pins.start()
        live_sessions.add(self.rebinder)

    def stop(self) -> None:
        """Follow none any more."""
        live_sessions.remove(self.rebinder)
        self._pins.stop()

    def pin(self, session: Session) -> None:
        """One more pin of a session."""
        if not session._life.pins and session._life.state != "ended":
            self._pins.add(session)
        session._life.pins += 1
        self._changed()

    def unpin(self, session: Session) -> None:
        """One less; after the last the session follows what is due."""
        session._life.pins = max(0, session._life.pins - 1)  # at its end a session has none
        if not session._life.pins:
            self._pins.remove(session)
            self.rebinder.catch_up(session)
        self._changed()

    async def caught_up(self, session: Session) -> None:
        """Return once the session has followed all reloads that are due."""
        self.rebinder.catch_up(session)
        while session._life.rebinding is not None:
            await all_done(self._clock, [session._life.rebinding], None)

    def end(self, session: Session) -> None:
        """A session has ended."""
        session._life.pins = 0
        self._pins.remove(session)
        self.rebinder.end(session)
