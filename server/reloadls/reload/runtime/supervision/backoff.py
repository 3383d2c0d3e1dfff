"""How long to wait before a crashed program is started again."""

from __future__ import annotations

from typing import Final

__all__ = ["Backoff"]

_FIRST_S: Final = 0.5
_LONGEST_S: Final = 30.0
_STEADY_S: Final = 10.0
"""A program that ran for so long, in seconds, did not crash during its start."""


class Backoff:
    """Doubles the wait with each crash, up to 30 seconds; a crash after a steady run starts again. Times in seconds."""

    def __init__(self) -> None:
        self._crashes = 0

    def crashed(self, after: float) -> float:
        """Return how long to wait after a crash.

        Args:
            after: how long the program had run, in seconds.
        """
        if after >= _STEADY_S:
            self._crashes = 0
        self._crashes += 1
        return float(min(_FIRST_S * 2 ** (self._crashes - 1), _LONGEST_S))

    def reset(self) -> None:
        """The program works: the next crash waits the shortest time."""
        self._crashes = 0
