"""A token bucket: a burst, and an average rate per second."""

from __future__ import annotations

__all__ = ["RateLimit"]


class RateLimit:
    """Pure decision logic; no side effects.

    Args:
        burst: the most that may be taken at once.
        per_second: the rate at which the bucket refills.
    """

    def __init__(self, *, burst: float, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = burst
        self._at: float | None = None

    def take(self, amount: float, now: float) -> bool:
        """Take `amount` and return whether that was within the limit.

        Args:
            amount: how much to take.
            now: the time in seconds, of a monotonic clock.
        """
        since = 0.0 if self._at is None else now - self._at
        self._left = min(self._burst, self._left + since * self._per_second) - amount
        self._at = now
        return self._left >= 0
