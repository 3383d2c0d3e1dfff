"""How long to wait before a program that has crashed is tried again."""

from __future__ import annotations

from typing import Final

__all__ = ["Backoff"]

_FIRST_S: Final = 0.5
_LONGEST_S: Final = 30.0
_STEADY_S: Final = 10.0
"""A program that was up for so long has not crashed as it began."""


class Backoff:
    """Each crash doubles the wait, up to half a minute; one that ran for a while begins anew. Times in seconds."""

    def __init__(self) -> None:
        self._crashes = 0

    def crashed(self, after: float) -> float:
        """How long to wait now that it has crashed `after` so many seconds."""
        if after >= _STEADY_S:
            self._crashes = 0
        self._crashes += 1
        return float(min(_FIRST_S * 2 ** (self._crashes - 1), _LONGEST_S))

    def reset(self) -> None:
        """It is up."""
        self._crashes = 0
