"""Log refused clients with a rate limit, and count the suppressed lines."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

__all__ = ["RefusalLog"]

_BURST: Final = 10
"""The most lines logged in a burst."""
_EVERY_S: Final = 10.0
"""Seconds after which one more line may be logged."""
_log = logging.getLogger(__name__)


class RefusalLog:
    """Logs refused clients with a rate limit.

    Args:
        now: returns the time in seconds, of a monotonic clock.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lines = float(_BURST)
        self._last = now()
        self._suppressed = 0

    def log(self, name: str, reason: str) -> None:
        """Log that client `name` is refused for `reason`, or count it if the limit is reached."""
        now = self._now()
        self._lines = min(_BURST, self._lines + (now - self._last) / _EVERY_S)
        self._last = now
        if self._lines < 1:
            self._suppressed += 1
            return
        self._lines -= 1
        self.end()
        _log.warning("refusing %s: %s", name, reason)

    def end(self) -> None:
        """Log the number of suppressed lines."""
        if self._suppressed:
            _log.warning("refused %d other clients", self._suppressed)
            self._suppressed = 0
