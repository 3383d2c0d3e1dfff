"""Many live sessions in one process: calls, conversations, connections.

    async def talk(session): ...

    async with SessionPool(talk, max_sessions=50) as pool:
        handle = await pool.launch("room-42", data)
        outcome = await handle.wait()

Needs nothing but the standard library.
"""

from __future__ import annotations

from .clock import Clock, Timer
from .errors import (
    DuplicateSession,
    NotSpawnSafe,
    PoolDraining,
    PoolError,
    PoolFull,
    PoolNotRunning,
    SetupFailed,
    WorkerDied,
)
from .events import EventKind, EventStream, PoolEvent
from .pool import SessionPool
from .reservation import Reservation
from .sessions.life import Outcome, SessionState
from .sessions.namespace import Shared
from .sessions.session import Session, SessionHandle, current_session
from .status import PoolState, PoolStatus, SessionStatus

__all__ = [
    "Clock",
    "DuplicateSession",
    "EventKind",
    "EventStream",
    "NotSpawnSafe",
    "Outcome",
    "PoolDraining",
    "PoolError",
    "PoolEvent",
    "PoolFull",
    "PoolNotRunning",
    "PoolState",
    "PoolStatus",
    "Reservation",
    "Session",
    "SessionHandle",
    "SessionPool",
    "SessionState",
    "SessionStatus",
    "SetupFailed",
    "Shared",
    "Timer",
    "WorkerDied",
    "current_session",
]
