"""When the runtime may begin without keeping the program from starting: what it imports would take turns with that."""

from __future__ import annotations

import contextlib
import sys
import time
from _thread import allocate_lock
from typing import Final

__all__ = ["Flag", "wait_until_idle"]

_LATEST_S: Final = 1.5
"""A program that computes all the time has to share after so long."""
_STEP_S: Final = 0.04
_QUIET: Final = 0.3
"""A program that computes for less than this part of the time is not busy starting any more."""


class Flag:
    """As `threading.Event`, but waited for in the same way once gevent has replaced what that is made of."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()

    def is_set(self) -> bool:
        """Whether it is set."""
        return not self._lock.locked()

    def set(self) -> None:
        """Set it, for good."""
        with contextlib.suppress(RuntimeError):  # it is
            self._lock.release()

    def wait(self, timeout: float) -> bool:
        """Wait until it is set, in seconds; whether it is. On one thread at a time."""
        if not self._lock.acquire(timeout=timeout):
            return False
        self._lock.release()
        return True


def _may_replace_threads() -> bool:
    """Whether gevent is loaded: if it is to replace threads, it does so next, and no import may be under way then."""
    return "gevent" in sys.modules


def wait_until_idle(ended: Flag) -> bool:
    """Wait until the program is less busy, for 1.5 s at most; False if it has `ended` meanwhile."""
    deadline = time.monotonic() + _LATEST_S
    used = time.process_time()
    while time.monotonic() < deadline:
        if ended.wait(_STEP_S):
            return False
        before, used = used, time.process_time()
        if used - before < _QUIET * _STEP_S and not _may_replace_threads():
            return True
    return not ended.is_set()
