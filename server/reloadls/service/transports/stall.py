"""When a client has stopped reading for good: bytes wait for it, and for too long it took none of them."""

from __future__ import annotations

__all__ = ["StallDetector"]


class StallDetector:
    """Decides by what it is told; does nothing about it.

    Args:
        timeout: seconds that a client may take nothing while something waits.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._received = -1
        self._since = 0.0

    def is_stalled(self, received: int, waiting: int, now: float) -> bool:
        """Return whether the client's time is over.

        Args:
            received: bytes it has taken in all.
            waiting: bytes that wait for it.
            now: seconds, of any clock that only goes forward.
        """
        if not waiting or received != self._received:
            self._received, self._since = received, now
            return False
        return now - self._since >= self._timeout
