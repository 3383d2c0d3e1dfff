"""How a pool is, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .sessions.life import SessionState

__all__ = ["PoolState", "PoolStatus", "SessionStatus"]

PoolState = Literal["new", "starting", "running", "draining", "closing", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStatus:
    """One live session."""

    id: str
    state: SessionState
    started_at: float
    """When it was launched, in seconds since the epoch."""
    age_s: float
    """Since its launch."""
    pinned: bool
    rebinds: int
    """How many reloads it has followed."""
    last_error: str | None
    """Of the last reload that it could not follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatus:
    """A pool and its live sessions."""

    state: PoolState
    max_sessions: int
    starting: int
    running: int
    pinned: int
    rebinds: int
    """How many reloads the live sessions have followed, in all."""
    reserved: int
    """Places held by reservations."""
    waiting: int
    """Launches and reservations that wait for a place."""
    succeeded: int
    failed: int
    cancelled: int
    consecutive_failures: int
    last_error: str | None
    """Of the last session that failed: its id, and what it raised."""
    drain_reason: str | None
    """Why the pool drains, if it does so by itself."""
    change_waits_for: tuple[str, ...]
    """The ids of the pinned sessions that a change of code waits for."""
    sessions: tuple[SessionStatus, ...]
