"""When a client has stopped reading for good: bytes wait for it, and for too long it took none of them."""

from __future__ import annotations

__all__ = ["Stall"]


class Stall:
    """Decides by what it is told; does nothing about it.

    Args:
        patience: seconds that a client may take nothing while something waits.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._taken = -1
        self._since = 0.0

    def is_over(self, taken: int, waiting: int, now: float) -> bool:
        """Return whether the client's time is over.

        Args:
            taken: bytes it has taken in all.
            waiting: bytes that wait for it.
            now: seconds, of any clock that only goes forward.
        """
        if not waiting or taken != self._taken:
            self._taken, self._since = taken, now
            return False
        return now - self._since >= self._patience
