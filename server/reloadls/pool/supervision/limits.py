"""When a pool as a whole is unwell: too many failures in a row, too much memory. Pure decisions."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from reloadls.pool.sessions.life import Outcome

__all__ = ["FailureCount", "MemoryWatch", "resident_mb"]


class FailureCount:
    """Counts failures in a row. Cancellations count as neither failure nor success.

    Args:
        limit: how many are too many.
    """

    def __init__(self, limit: int) -> None:
        self.count = 0
        self._limit = limit
        self._armed = True

    def note(self, outcome: Outcome) -> bool:
        """Note how a session ended; whether the limit is reached, which is said once until a session succeeds."""
        if outcome == "success":
            self.count, self._armed = 0, True
        elif outcome == "failed":
            self.count += 1
        if not self._armed or self.count < self._limit:
            return False
        self._armed = False
        return True


class MemoryWatch:
    """Says when memory crosses its limits: each crossing once.

    Args:
        warn_mb: where to warn; 0 never does.
        limit_mb: where to drain; 0 never does.
    """

    def __init__(self, warn_mb: float, limit_mb: float) -> None:
        self._warn_mb = warn_mb
        self._limit_mb = limit_mb
        self._warned = False
        self._limited = False

    @property
    def enabled(self) -> bool:
        """Whether there is a limit at all."""
        return self._warn_mb > 0 or self._limit_mb > 0

    def note(self, used_mb: float) -> Literal["warning", "limit"] | None:
        """Note how much is used; what was crossed upwards with it."""
        over_warn = 0 < self._warn_mb <= used_mb
        over_limit = 0 < self._limit_mb <= used_mb
        warns, limits = over_warn and not self._warned, over_limit and not self._limited
        self._warned, self._limited = over_warn, over_limit
        if limits:
            return "limit"
        return "warning" if warns else None


def resident_mb() -> float:
    """How much memory this process occupies, in megabytes; the most so far where only that is known."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (OSError, AttributeError, ValueError):
        pass
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return 0.0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 2**20 if sys.platform == "darwin" else most / 2**10
