"""Which sessions a pool has and had, and what is published about them."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .events import EventKind, Events, EventStream, PoolEvent
from .sessions.life import Life
from .status import PoolState, PoolStatus, SessionStatus

if TYPE_CHECKING:
    from .admission import Admission
    from .clock import Clock
    from .sessions.life import Outcome

__all__ = ["Ledger"]


class Ledger:
    """The live sessions, the counts of those that have ended, and the events.

    Args:
        clock: what dates events.
        changed: called whenever the status may have changed.
    """

    def __init__(self, clock: Clock, changed: Callable[[], object]) -> None:
        self.lives: dict[str, Life] = {}
        self.drain_reason: str | None = None
        self._clock = clock
        self._changed = changed
        self._events = Events()
        self._outcomes: Counter[Outcome] = Counter()
        self._last_error: str | None = None

    def begin(self, id: str) -> Life:
        """Add a session."""
        life = Life(id, began=self._clock.monotonic(), started_at=self._clock.time())
        self.lives[id] = life
        return life

    def end(self, life: Life) -> Outcome:
        """Remove a session, and count how it ended."""
        assert life.outcome is not None
        del self.lives[life.id]
        self._outcomes[life.outcome] += 1
        error = ""
        if life.error is not None:
            error = f"{type(life.error).__name__}: {life.error}"
            self._last_error = f"{life.id}: {error}"
        self.send("ended", error, session=life.id, outcome=life.outcome)
        return life.outcome

    def status(
        self,
        state: PoolState,
        max_sessions: int,
        admission: Admission,
        consecutive_failures: int,
        change_waits_for: tuple[str, ...],
        *,
        most: int | None = None,
    ) -> PoolStatus:
        """How all is. On any thread.

        Args:
            state: the pool's.
            max_sessions: how many places there are.
            admission: who has them.
            consecutive_failures: how many sessions have failed in a row.
            change_waits_for: the pinned sessions that a change of code waits for.
            most: list at most so many sessions, the most interesting ones; None lists all.
        """
        lives, now = list(self.lives.values()), self._clock.monotonic()
        listed = lives if most is None or len(lives) <= most else _foremost(lives, most, change_waits_for)
        return PoolStatus(
            state=state,
            max_sessions=max_sessions,
            starting=sum(life.state == "starting" for life in lives),
            running=sum(life.state == "running" for life in lives),
            pinned=sum(life.pins > 0 for life in lives),
            rebinds=sum(life.rebinds for life in lives),
            reserved=admission.taken - len(lives),
            waiting=admission.waiting,
            succeeded=self._outcomes["success"],
            failed=self._outcomes["failed"],
            cancelled=self._outcomes["cancelled"],
            consecutive_failures=consecutive_failures,
            last_error=self._last_error,
            drain_reason=self.drain_reason,
            change_waits_for=change_waits_for,
            sessions=tuple(_status(life, now) for life in listed),
        )

    def send(self, kind: EventKind, message: str = "", **about: Any) -> None:
        """Publish an event."""
        self._changed()
        if self._events.wanted:
            self._events.send(PoolEvent(kind=kind, at=self._clock.time(), message=message, **about))

    def subscribe(self) -> EventStream:
        """The events from now on."""
        return self._events.subscribe()

    def close(self) -> None:
        """End all streams of events."""
        self._events.close()


def _foremost(lives: list[Life], most: int, awaited: tuple[str, ...]) -> list[Life]:
    """Those that hold a change back, then pinned ones, then those that could not follow a reload, then the oldest."""

    def rank(life: Life) -> tuple[bool, bool, bool, float]:
        return (life.id not in awaited, not life.pins, life.last_error is None, life.began)

    return sorted(heapq.nsmallest(most, lives, key=rank), key=lambda life: life.began)


def _status(life: Life, now: float) -> SessionStatus:
    return SessionStatus(
        id=life.id,
        started_at=life.started_at,
        state=life.state,
        age_s=now - life.began,
        pinned=life.pins > 0,
        rebinds=life.rebinds,
        last_error=life.last_error,
    )
