"""Which paths can't be read, why, and when each is retried. Pure: every time is passed in, in seconds."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["Denial", "DenialCode", "Retries", "denial_of"]

DenialCode = Literal["permissionDenied", "timedOut", "tooManyFiles", "unreadable"]

_FIRST_S = 0.25
_LONGEST_S = 60.0
_CODES: dict[int | None, DenialCode] = {
    errno.EACCES: "permissionDenied",
    errno.EPERM: "permissionDenied",
    errno.EMFILE: "tooManyFiles",
    errno.ENFILE: "tooManyFiles",
    errno.ETIMEDOUT: "timedOut",
}


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a path can't be read."""

    code: DenialCode
    reason: str


def denial_of(error: Exception) -> Denial:
    """Return the denial for `error`, usually an OSError."""
    number = getattr(error, "errno", None)
    return Denial(_CODES.get(number, "unreadable"), getattr(error, "strerror", None) or str(error))


class Retries:
    """When each denied path is retried: soon at first, then after twice as long each time."""

    def __init__(self) -> None:
        self._delays: dict[str, tuple[float, float]] = {}
        """Path → its current delay, and when that ends."""

    def update(self, denied: Iterable[str], now: float) -> None:
        """Set the denied paths. A path that is still denied after its delay waits longer."""
        before, self._delays = self._delays, {}
        for path in denied:
            delay, until = before.get(path, (_FIRST_S / 2, now))
            if now >= until:
                delay = min(2 * delay, _LONGEST_S)
                until = now + delay
            self._delays[path] = delay, until

    @property
    def next(self) -> float | None:
        """When the next path is due; None if none is denied."""
        return min((until for _, until in self._delays.values()), default=None)

    def due(self, now: float) -> list[str]:
        """Return the paths that are due."""
        return [path for path, (_, until) in self._delays.items() if now >= until]

    def retry_all(self, now: float) -> None:
        """Make all paths due: a cause of denials has ended."""
        self._delays = dict.fromkeys(self._delays, (_FIRST_S / 2, now))

    @property
    def delays(self) -> Mapping[str, float]:
        """Path → its current delay."""
        return {path: delay for path, (delay, _) in self._delays.items()}
