"""How a pipeline has done so far: counts, and how late it told."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

__all__ = ["Health", "Lag"]

_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Lag:
    """From a batch's last change to its being told, in seconds; the quiet time is in it."""

    p50: float = 0.0
    p99: float = 0.0


@dataclass(slots=True)
class Health:
    """Counts since watching began.

    Attributes:
        hints: how many hints have come.
        batches: how many batches were told.
        reconciles: why the disk was compared → how often.
    """

    hints: int = 0
    batches: int = 0
    reconciles: Counter[str] = field(default_factory=Counter)
    _lags: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def reported(self, lag: float | None) -> None:
        """A batch was told, `lag` seconds after its last change; None if it is not known when that was."""
        self.batches += 1
        if lag is not None:
            self._lags.append(lag)

    @property
    def lag(self) -> Lag:
        """Of the last thousand batches."""
        lags = sorted(self._lags)
        return Lag(lags[len(lags) // 2], lags[len(lags) * 99 // 100]) if lags else Lag()
