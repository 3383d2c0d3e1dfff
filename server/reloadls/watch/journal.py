"""The batches so far, and what differs between a position in them and now."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from reloadls.watch.change import FileChange, net_changes
from reloadls.watch.flush import Cause

__all__ = ["Batch", "Journal"]


@dataclass(frozen=True, slots=True)
class Batch:
    """All changes of one flush.

    Attributes:
        clock: the state after it.
        since: the state before it.
        at: when it was made, in UTC.
        cause: why it was made.
        changes: one per path, in the order in which they were noticed.
    """

    clock: str
    since: str
    at: datetime
    cause: Cause
    changes: tuple[FileChange, ...]


class Journal:
    """The last batches, in memory, within a bound.

    A clock is ``c:EPOCH:NUMBER``. The epoch is drawn anew for each journal, so that a clock of another one is unknown.

    Args:
        limit: how many changes are kept at most; batches that no longer fit are forgotten, the oldest first.
    """

    def __init__(self, *, limit: int = 100_000) -> None:
        self._limit = limit
        self._epoch = secrets.token_hex(4)
        self._number = 0
        self._batches: deque[Batch] = deque()
        self._size = 0

    @property
    def clock(self) -> str:
        """The state now."""
        return f"c:{self._epoch}:{self._number}"

    def append(self, changes: Iterable[FileChange], cause: Cause, at: datetime | None = None) -> Batch:
        """Add a batch, made `at`, or now; the clock goes on."""
        since = self.clock
        self._number += 1
        batch = Batch(self.clock, since, at or datetime.now(UTC), cause, tuple(changes))
        self._batches.append(batch)
        self._size += len(batch.changes)
        while self._size > self._limit:
            self._size -= len(self._batches.popleft().changes)
        return batch

    def forget(self) -> None:
        """What counts has changed: no earlier clock can be answered from now on, and the clock goes on."""
        self._batches.clear()
        self._size = 0
        self._number += 1

    def since(self, clock: str) -> list[FileChange] | None:
        """The net changes between `clock` and now; None if it is unknown or too old."""
        number = self._parse(clock)
        oldest = self._number - len(self._batches)
        if number is None or not oldest <= number <= self._number:
            return None
        later = islice(self._batches, number - oldest, None)
        return net_changes(change for batch in later for change in batch.changes)

    def _parse(self, clock: str) -> int | None:
        prefix, _, number = clock.rpartition(":")
        if prefix != f"c:{self._epoch}" or not number.isascii() or not number.isdigit() or len(number) > 18:
            return None
        return int(number)
