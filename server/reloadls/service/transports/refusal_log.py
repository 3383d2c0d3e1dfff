"""Which refusals are logged: the first of many, and how many there were."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

__all__ = ["RefusalLog"]

_BURST: Final = 10
"""Lines that are logged at once."""
_EVERY_S: Final = 10.0
"""Seconds after which one more line is logged."""
_log = logging.getLogger(__name__)


class RefusalLog:
    """Logs that clients are refused, but not as often as anybody likes to be.

    Args:
        now: the time, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lines = float(_BURST)
        self._last = now()
        self._suppressed = 0

    def log(self, name: str, reason: str) -> None:
        """Log, or count, that `name` is refused."""
        now = self._now()
        self._lines = min(_BURST, self._lines + (now - self._last) / _EVERY_S)
        self._last = now
        if self._lines < 1:
            self._suppressed += 1
            return
        self._lines -= 1
        self.end()
        _log.warning("%s is refused: %s", name, reason)

    def end(self) -> None:
        """Log how many were not logged."""
        if self._suppressed:
            _log.warning("%d other clients were refused", self._suppressed)
            self._suppressed = 0
