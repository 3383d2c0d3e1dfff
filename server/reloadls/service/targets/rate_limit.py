"""How much is too much: so much at once, and so much per second in the long run."""

from __future__ import annotations

__all__ = ["RateLimit"]


class RateLimit:
    """Decides by what it is told; does nothing about it.

    Args:
        burst: what may be taken at once.
        per_second: how fast that fills up again.
    """

    def __init__(self, *, burst: float, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = burst
        self._at: float | None = None

    def take(self, amount: float, now: float) -> bool:
        """Take `amount` and return whether that was allowed.

        Args:
            amount: how much.
            now: seconds, of any clock that only goes forward.
        """
        since = 0.0 if self._at is None else now - self._at
        self._left = min(self._burst, self._left + since * self._per_second) - amount
        self._at = now
        return self._left >= 0
