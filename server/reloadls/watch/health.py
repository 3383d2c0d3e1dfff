"""How a pipeline performs: counters and latencies."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

__all__ = ["Health", "Lag"]

_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Lag:
    """Time from a batch's last change to its report, in seconds, including the quiet time."""

    p50: float = 0.0
    p99: float = 0.0


@dataclass(slots=True)
class Health:
    """Counters since watching started.

    Attributes:
        hints: number of hints received.
        batches: number of batches reported.
        reconciles: reason for a comparison → how often.
    """

    hints: int = 0
    batches: int = 0
    reconciles: Counter[str] = field(default_factory=Counter)
    _lags: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def reported(self, lag: float | None) -> None:
        """Count a reported batch.

        Args:
            lag: seconds since its last change; None if unknown.
        """
        self.batches += 1
        if lag is not None:
            self._lags.append(lag)

    @property
    def lag(self) -> Lag:
        """The latencies of the last thousand batches."""
        lags = sorted(self._lags)
        return Lag(lags[len(lags) // 2], lags[len(lags) * 99 // 100]) if lags else Lag()
