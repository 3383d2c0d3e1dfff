"""One reload, and how far the sessions of a pool have followed it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal

from reloadls.base.live_sessions import Counts

__all__ = ["Round"]


class Round:
    """Counts the sessions that one reload affects. Used on the pool's event loop.

    Args:
        report: the report of the reload.
        changed: called with the counts after each change; before `publish`, nothing is called.
    """

    def __init__(self, report: Any, changed: Callable[[Counts], object]) -> None:
        self.report = report
        self.counts = Counts()
        self.at_work: set[asyncio.Task[None]] = set()
        """The rebindings that run."""
        self._changed = changed
        self._published = False

    def publish(self) -> Counts:
        """The counts so far; each later change is reported."""
        self._published = True
        return self.counts

    def expect(self) -> None:
        """One session is affected, and has not followed yet."""
        self._add(Counts(pinned=1))

    def note(self, result: Literal["rebound", "failed", "ended"]) -> None:
        """One of these has followed, could not, or is pinned no more without having anything to follow with."""
        self._add(Counts(pinned=-1, rebound=result == "rebound", failed=result == "failed"))

    def _add(self, counts: Counts) -> None:
        self.counts += counts
        if self._published:
            self._changed(self.counts)
