"""What a pool refuses, and why.

PoolError
├── PoolNotRunning     not started yet, or closed
├── PoolDraining       admits no new sessions
├── PoolFull           all places are taken
├── DuplicateSession   a live session has this id
└── SetupFailed        setup raised, or took too long
"""

from __future__ import annotations

__all__ = ["DuplicateSession", "PoolDraining", "PoolError", "PoolFull", "PoolNotRunning", "SetupFailed"]


class PoolError(Exception):
    """The base of all errors of a pool."""


class PoolNotRunning(PoolError):
    """The pool has not been started, or is closed."""


class PoolDraining(PoolError):
    """The pool lets its sessions end, and admits no new ones."""


class PoolFull(PoolError):
    """All places are taken by sessions or reservations."""


class DuplicateSession(PoolError):
    """A live session has the same id."""


class SetupFailed(PoolError):
    """`setup` raised or took too long. Its cause is `__cause__`."""
