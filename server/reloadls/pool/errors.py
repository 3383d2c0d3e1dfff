"""What a pool refuses, and why.

PoolError
├── PoolNotRunning     not started yet, or closed
├── PoolDraining       admits no new sessions
├── PoolFull           all places are taken
├── DuplicateSession   a live session has this id
└── SetupFailed        setup raised, or took too long
"""

from __future__ import annotations

import signal

__all__ = [
    "DuplicateSession",
    "NotSpawnSafe",
    "PoolDraining",
    "PoolError",
    "PoolFull",
    "PoolNotRunning",
    "SetupFailed",
    "WorkerDied",
]


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


class WorkerDied(PoolError):
    """A worker process ended, and its sessions with it.

    Args:
        pid: its number.
        code: its exit code; negative for a signal, as `multiprocessing` has it.
    """

    def __init__(self, pid: int, code: int) -> None:
        self.pid = pid
        self.signal = -code if code < 0 else None
        """The number of the signal that killed it; None if it exited."""
        super().__init__(pid, code)

    def __str__(self) -> str:
        pid, code = self.args
        if self.signal is None:
            return f"worker {pid} exited with code {code}"
        known = self.signal in {each.value for each in signal.Signals}
        return f"worker {pid} was killed by {signal.Signals(self.signal).name if known else self.signal}"


class NotSpawnSafe(PoolError, ValueError):
    """A callback or data can't be sent to a worker process."""
