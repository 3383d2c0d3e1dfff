"""Wait until the program is idle before the runtime starts, so that its imports don't slow the program's start."""

from __future__ import annotations

import contextlib
import sys
import time
from _thread import allocate_lock
from typing import Final

__all__ = ["Flag", "wait_until_idle"]

_LATEST_S: Final = 1.5
"""Start after so long, in seconds, even if the program computes all the time."""
_STEP_S: Final = 0.04
_QUIET: Final = 0.3
"""A program that uses less than this share of the time has finished starting."""


class Flag:
    """Like `threading.Event`, but it keeps working when gevent replaces the threading module."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()

    def is_set(self) -> bool:
        """Whether it is set."""
        return not self._lock.locked()

    def set(self) -> None:
        """Set it, for good."""
        with contextlib.suppress(RuntimeError):  # already set
            self._lock.release()

    def wait(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds; return whether it is set. On one thread at a time."""
        if not self._lock.acquire(timeout=timeout):
            return False
        self._lock.release()
        return True


def _may_replace_threads() -> bool:
    """Return whether gevent is loaded: it may replace threads next, and no import may run at that moment."""
    return "gevent" in sys.modules


def wait_until_idle(ended: Flag) -> bool:
    """Wait until the program is less busy, for at most 1.5 s; return False if `ended` is set meanwhile."""
    deadline = time.monotonic() + _LATEST_S
    used = time.process_time()
    while time.monotonic() < deadline:
        if ended.wait(_STEP_S):
            return False
        before, used = used, time.process_time()
        if used - before < _QUIET * _STEP_S and not _may_replace_threads():
            return True
    return not ended.is_set()
