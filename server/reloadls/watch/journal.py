"""The batches so far, the differences between a position and now, and how far each subscriber has read."""

from __future__ import annotations

import secrets
from bisect import bisect_left
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from weakref import WeakValueDictionary

from reloadls.watch.change import FileChange, net_changes
from reloadls.watch.clock import Clock
from reloadls.watch.flush import Cause

__all__ = ["Batch", "Cursor", "Journal", "JournalHistory"]

_FEW = 32
_RECENT = 4096
"""How many distinct changes of small batches are deduplicated."""


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Batch:
    """All changes of one flush, or of several merged ones.

    Attributes:
        clock: the position after it.
        since: the position before it.
        at: when it was made, in UTC.
        cause: why it was made.
        changes: one per path, in the order in which they were noticed.
    """

    clock: str
    since: str
    at: datetime
    cause: Cause
    changes: tuple[FileChange, ...]


@dataclass(frozen=True, slots=True)
class JournalHistory:
    """What earlier runs left for a journal to continue from.

    Attributes:
        number: the position at which they ended.
        epochs: (epoch, first position, last known position) of each earlier run.
        batches: the last batches, each beginning where the one before ends, up to `number`.
    """

    number: int
    epochs: tuple[tuple[str, int, int], ...] = ()
    batches: tuple[Batch, ...] = ()


@dataclass(frozen=True, slots=True)
class _Step:
    """One batch, with the positions before and after it."""

    since: int
    number: int
    batch: Batch


class Journal:
    """The last batches, in memory, within a bound.

    Positions continue across runs, but each run has a new epoch. So a clock is either resolved exactly or not at all.

    Args:
        limit: how many changes are kept. Beyond it the oldest batches are dropped, except those that an open cursor
            still needs. Of these the older ones are merged where no cursor stands between them, so they are bounded by
            the number of paths times the number of cursor positions.
        history: what earlier runs left.
    """

    def __init__(self, *, limit: int = 100_000, history: JournalHistory | None = None) -> None:
        history = history or JournalHistory(0)
        self._limit = limit
        self._merge_at = limit
        self._epochs = {epoch: (first, last) for epoch, first, last in history.epochs}
        self.epoch = _new_epoch(self._epochs)
        """The epoch of this run."""
        self.number = history.number
        """The current position."""
        self._first = history.number
        self._steps = deque(
            _Step(Clock.number_in(batch.since), Clock.number_in(batch.clock), batch) for batch in history.batches
        )
        self._size = sum(len(batch.changes) for batch in history.batches)
        self._answers_from = self._steps[0].since if self._steps else history.number
        self._recent: dict[FileChange, FileChange] = {}
        self._shared: WeakValueDictionary[tuple[int, int], Batch] = WeakValueDictionary()
        """(old position, new position) → the batch between them: cursors at one position take the same object."""
        self._positions: OrderedDict[int, int] = OrderedDict()
        """Position → number of open cursors. Cursors only move to the end, so it is in order."""

    @property
    def clock(self) -> str:
        """The current clock."""
        return self._clock(self.number)

    @property
    def size(self) -> int:
        """The number of changes kept."""
        return self._size

    def append(self, changes: Iterable[FileChange], cause: Cause, at: datetime | None = None) -> Batch:
        """Append a batch, made `at` this time or now, and advance the clock."""
        batch = self.draft(changes, cause, at)
        self.add(batch)
        return batch

    def draft(self, changes: Iterable[FileChange], cause: Cause, at: datetime | None = None) -> Batch:
        """Return the next batch, made `at` this time or now. Nobody sees it before `add`."""
        last = self.clock
        if self._steps and self._steps[-1].batch.clock == last:
            last = self._steps[-1].batch.clock  # share one object; after a restart it has another epoch
        clock = self._clock(self.number + 1)
        return Batch(clock, last, at or datetime.now(UTC), cause, self._deduplicated(changes))

    def add(self, batch: Batch) -> None:
        """Append the last `draft` and advance the clock."""
        self._steps.append(_Step(self.number, self.number + 1, batch))
        self.number += 1
        self._size += len(batch.changes)
        if self._size > self._limit:
            self._drop(self._limit)
        if self._size > self._merge_at:
            self._merge()

    def _deduplicated(self, changes: Iterable[FileChange]) -> tuple[FileChange, ...]:
        """Return `changes`; small batches reuse equal objects, since a file is saved again and again."""
        new = tuple(changes)
        if len(new) > _FEW:
            return new
        if len(self._recent) > _RECENT:
            self._recent.clear()
        return tuple(self._recent.setdefault(change, change) for change in new)

    def forget(self) -> None:
        """Advance the clock without a batch: the scope has changed, so earlier clocks can't be resolved any more."""
        self.number += 1
        self._answers_from = self.number
        self._drop(0)

    def since(self, clock: str, until: Cursor | None = None) -> list[FileChange] | None:
        """Return the net changes from `clock` to the cursor `until` or now; None if `clock` is unknown or too old."""
        number, end = self._parse(clock), self.number if until is None else until.number
        if number is None or not self._answers_from <= number <= end:
            return None
        steps = self._between(number, end)
        if (steps[0].since, steps[-1].number) != (number, end) if steps else number != end:
            return None  # the position was merged away
        return net_changes(change for step in steps for change in step.batch.changes)

    def cursor(self) -> Cursor:
        """Return a cursor at the current position."""
        return Cursor(self)

    # -- clocks ------------------------------------------------------------------------------------------

    def _clock(self, number: int) -> str:
        return str(Clock(self.epoch, number))

    def _parse(self, text: str) -> int | None:
        """Return the position of a clock of this run or an earlier one; None if it is unknown."""
        clock = Clock.parse(text)
        if clock is None:
            return None
        own = self._first, self.number
        first, last = own if clock.epoch == self.epoch else self._epochs.get(clock.epoch, (0, -1))
        return clock.number if first <= clock.number <= last else None

    # -- what cursors take -------------------------------------------------------------------------------

    def _between(self, number: int, end: int) -> list[_Step]:
        """Return the steps after `number`, up to `end`."""
        found: list[_Step] = []
        for step in reversed(self._steps):
            if step.number <= number:
                break
            if step.number <= end:
                found.append(step)
        found.reverse()
        return found

    def _after(self, number: int) -> Batch | None:
        """Return everything after `number` as one batch; None if nothing has changed in the end."""
        batch = self._shared.get((number, self.number))
        if batch is None:
            steps = self._between(number, self.number)
            if not steps:
                return None
            batch = self._shared[number, self.number] = self._merged_batch(steps, number)
        return batch if batch.changes else None

    def _merged_batch(self, steps: list[_Step], number: int) -> Batch:
        """Return `steps` merged into one batch for a cursor at `number`."""
        last = steps[-1]
        if len(steps) == 1:
            return last.batch
        since = at = number
        for step in steps:
            if Clock.number_in(step.batch.since) != at:  # paths entered or left the scope: show the gap
                since = Clock.number_in(step.batch.since)
            at = step.number
        causes = {step.batch.cause for step in steps}
        changes = net_changes(change for step in steps for change in step.batch.changes)
        cause: Cause = causes.pop() if len(causes) == 1 else "watch"
        return Batch(last.batch.clock, self._clock(since), last.batch.at, cause, tuple(changes))

    def _move(self, old: int | None, new: int | None) -> None:
        """Move a cursor from `old` to `new`; None means not open."""
        if old is not None:
            self._positions[old] -= 1
            if not self._positions[old]:
                del self._positions[old]
        if new is not None:
            self._positions[new] = self._positions.get(new, 0) + 1

    # -- the bound ---------------------------------------------------------------------------------------

    def _drop(self, limit: int) -> None:
        """Drop the oldest batches that no cursor needs, until at most `limit` changes are left."""
        needed = next(iter(self._positions), self.number)
        while self._steps and self._size > limit and self._steps[0].number <= needed:
            self._size -= len(self._steps.popleft().batch.changes)
        oldest = self._steps[0].since if self._steps else self.number
        self._answers_from = max(self._answers_from, oldest)

    def _merge(self) -> None:
        """Merge batches with no cursor between them, except the newer half.

        Runs again only when twice as much is kept, so its amortized cost is that of an append.
        """
        newer: list[_Step] = []
        size = 0
        while self._steps and size + len(self._steps[-1].batch.changes) <= self._limit // 2:
            newer.append(self._steps.pop())
            size += len(newer[-1].batch.changes)
        positions = list(self._positions)
        groups = groupby(self._steps, key=lambda step: bisect_left(positions, step.number))
        self._steps = deque(self._one(list(group)) for _, group in groups)
        self._steps.extend(reversed(newer))
        self._size = sum(len(step.batch.changes) for step in self._steps)
        self._merge_at = max(self._limit, 2 * self._size)

    def _one(self, steps: list[_Step]) -> _Step:
        since = steps[0].since
        return steps[0] if len(steps) == 1 else _Step(since, steps[-1].number, self._merged_batch(steps, since))


class Cursor:
    """How far one subscriber has read. Created by `Journal.cursor`."""

    __slots__ = ("_journal", "_open", "number")

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._open = True
        self.number = journal.number
        """The position up to which the subscriber has read."""
        journal._move(None, self.number)

    @property
    def clock(self) -> str:
        """The clock up to which the subscriber has read."""
        return self._journal._clock(self.number)

    @property
    def behind(self) -> bool:
        """Whether there may be batches to take."""
        return self._open and self.number < self._journal.number

    def take(self) -> Batch | None:
        """Return everything since the last call as one batch, and advance; None if nothing has changed in the end.

        A cursor that is one batch behind receives that very object. All cursors at one position receive the same
        object.
        """
        batch = self._journal._after(self.number) if self.behind else None
        self.catch_up()
        return batch

    def catch_up(self) -> None:
        """Advance to the current position without taking batches."""
        if self.behind:
            self._journal._move(self.number, self._journal.number)
            self.number = self._journal.number

    def close(self) -> None:
        """Release the cursor: the journal keeps no batches for it any more."""
        if self._open:
            self._open = False
            self._journal._move(self.number, None)


def _new_epoch(taken: Iterable[str]) -> str:
    while (epoch := secrets.token_hex(4)) in taken:
        pass
    return epoch
