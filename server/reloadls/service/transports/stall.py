"""Decide when a client has stopped reading: data is pending and none was read for too long."""

from __future__ import annotations

__all__ = ["StallDetector"]


class StallDetector:
    """Pure decision logic; no side effects.

    Args:
        timeout: seconds that a client may read nothing while data is pending.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._received = -1
        self._since = 0.0

    def is_stalled(self, received: int, waiting: int, now: float) -> bool:
        """Return whether the client has stalled.

        Args:
            received: the bytes that the client has received in all.
            waiting: the pending bytes.
            now: the time in seconds, of a monotonic clock.
        """
        if not waiting or received != self._received:
            self._received, self._since = received, now
            return False
        return now - self._since >= self._timeout
