"""The batches so far, what differs between a position in them and now, and how far each of many was told."""

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
from reloadls.watch.flush import Cause

__all__ = ["Batch", "Cursor", "Journal", "JournalHistory"]

_FEW = 32
_RECENT = 4096
"""So many different changes of small batches are kept once."""


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Batch:
    """All changes of one flush, or of several.

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


@dataclass(frozen=True, slots=True)
class JournalHistory:
    """What a journal goes on from.

    Attributes:
        number: the position at which it ended.
        epochs: (epoch, first position, last one that is known) of each earlier run.
        batches: the last ones, each beginning where the one before ends, up to `number`.
    """

    number: int
    epochs: tuple[tuple[str, int, int], ...] = ()
    batches: tuple[Batch, ...] = ()


@dataclass(frozen=True, slots=True)
class _Step:
    """One batch, and the positions that it leads from and to."""

    since: int
    number: int
    batch: Batch


class Journal:
    """The last batches, in memory, within a bound.

    A clock is ``c:EPOCH:NUMBER``. The epoch is drawn anew for each run, and positions go on across runs, so that a
    clock is either understood exactly or not at all.

    Args:
        limit: how many changes are kept. Beyond it the oldest batches are forgotten, but for those that an open cursor
            still needs: of these the older ones are merged where no cursor stands between them, so that they are
            bounded by the paths there are times the positions at which cursors lag.
        history: what earlier runs have left.
    """

    def __init__(self, *, limit: int = 100_000, history: JournalHistory | None = None) -> None:
        history = history or JournalHistory(0)
        self._limit = limit
        self._merge_at = limit
        self._epochs = {epoch: (first, last) for epoch, first, last in history.epochs}
        self.epoch = _new_epoch(self._epochs)
        """This run's."""
        self.number = history.number
        """The position now."""
        self._first = history.number
        self._steps = deque(_Step(_number(batch.since), _number(batch.clock), batch) for batch in history.batches)
        self._size = sum(len(batch.changes) for batch in history.batches)
        self._answers_from = self._steps[0].since if self._steps else history.number
        self._recent: dict[FileChange, FileChange] = {}
        self._shared: WeakValueDictionary[tuple[int, int], Batch] = WeakValueDictionary()
        """(where a cursor stood, the position then) → what it took, so that all who stood there take the same."""
        self._positions: OrderedDict[int, int] = OrderedDict()
        """Where open cursors stand → how many. They only ever move to the end, so that it is in order."""

    @property
    def clock(self) -> str:
        """The state now."""
        return self._clock(self.number)

    @property
    def size(self) -> int:
        """How many changes are kept."""
        return self._size

    def append(self, changes: Iterable[FileChange], cause: Cause, at: datetime | None = None) -> Batch:
        """Add a batch, made `at`, or now; the clock goes on."""
        batch = self.draft(changes, cause, at)
        self.add(batch)
        return batch

    def draft(self, changes: Iterable[FileChange], cause: Cause, at: datetime | None = None) -> Batch:
        """The batch that comes next, made `at`, or now; nobody can see it before `add`."""
        last = self.clock
        if self._steps and self._steps[-1].batch.clock == last:
            last = self._steps[-1].batch.clock  # one object for both; after a restart it is of another epoch
        clock = self._clock(self.number + 1)
        return Batch(clock, last, at or datetime.now(UTC), cause, self._deduplicated(changes))

    def add(self, batch: Batch) -> None:
        """Add the last `draft`; the clock goes on."""
        self._steps.append(_Step(self.number, self.number + 1, batch))
        self.number += 1
        self._size += len(batch.changes)
        if self._size > self._limit:
            self._drop(self._limit)
        if self._size > self._merge_at:
            self._merge()

    def _deduplicated(self, changes: Iterable[FileChange]) -> tuple[FileChange, ...]:
        """`changes`, few of them as the objects that are kept already: a file is saved again and again."""
        new = tuple(changes)
        if len(new) > _FEW:
            return new
        if len(self._recent) > _RECENT:
            self._recent.clear()
        return tuple(self._recent.setdefault(change, change) for change in new)

    def forget(self) -> None:
        """What counts has changed: no earlier clock can be answered from now on, and the clock goes on."""
        self.number += 1
        self._answers_from = self.number
        self._drop(0)

    def since(self, clock: str, until: Cursor | None = None) -> list[FileChange] | None:
        """The net changes between `clock` and where `until` stands, or now; None if it is unknown or too old."""
        number, end = self._parse(clock), self.number if until is None else until.number
        if number is None or not self._answers_from <= number <= end:
            return None
        steps = self._between(number, end)
        if (steps[0].since, steps[-1].number) != (number, end) if steps else number != end:
            return None  # it was merged away
        return net_changes(change for step in steps for change in step.batch.changes)

    def cursor(self) -> Cursor:
        """Somebody who is told of all that comes after now."""
        return Cursor(self)

    # -- clocks ------------------------------------------------------------------------------------------

    def _clock(self, number: int) -> str:
        return f"c:{self.epoch}:{number}"

    def _parse(self, clock: str) -> int | None:
        epoch, _, number = clock.removeprefix("c:").partition(":")
        if clock != f"c:{epoch}:{number}" or not number.isascii() or not number.isdigit() or len(number) > 18:
            return None
        first, last = (self._first, self.number) if epoch == self.epoch else self._epochs.get(epoch, (0, -1))
        return int(number) if first <= int(number) <= last else None

    # -- what cursors take -------------------------------------------------------------------------------

    def _between(self, number: int, end: int) -> list[_Step]:
        """The steps after `number`, up to `end`."""
        found: list[_Step] = []
        for step in reversed(self._steps):
            if step.number <= number:
                break
            if step.number <= end:
                found.append(step)
        found.reverse()
        return found

    def _after(self, number: int) -> Batch | None:
        """What comes after `number`, as one batch; None if nothing has changed in the end."""
        batch = self._shared.get((number, self.number))
        if batch is None:
            steps = self._between(number, self.number)
            if not steps:
                return None
            batch = self._shared[number, self.number] = self._merged_batch(steps, number)
        return batch if batch.changes else None

    def _merged_batch(self, steps: list[_Step], number: int) -> Batch:
        """`steps` as one batch for who stands at `number`."""
        last = steps[-1]
        if len(steps) == 1:
            return last.batch
        since = at = number
        for step in steps:
            if _number(step.batch.since) != at:  # paths entered or left: who was not told must see that there is a gap
                since = _number(step.batch.since)
            at = step.number
        causes = {step.batch.cause for step in steps}
        changes = net_changes(change for step in steps for change in step.batch.changes)
        cause: Cause = causes.pop() if len(causes) == 1 else "watch"
        return Batch(last.batch.clock, self._clock(since), last.batch.at, cause, tuple(changes))

    def _move(self, old: int | None, new: int | None) -> None:
        """A cursor at `old` is at `new` from now on."""
        if old is not None:
            self._positions[old] -= 1
            if not self._positions[old]:
                del self._positions[old]
        if new is not None:
            self._positions[new] = self._positions.get(new, 0) + 1

    # -- the bound ---------------------------------------------------------------------------------------

    def _drop(self, limit: int) -> None:
        """Forget the oldest batches that no cursor needs, until no more than `limit` changes are left."""
        needed = next(iter(self._positions), self.number)
        while self._steps and self._size > limit and self._steps[0].number <= needed:
            self._size -= len(self._steps.popleft().batch.changes)
        oldest = self._steps[0].since if self._steps else self.number
        self._answers_from = max(self._answers_from, oldest)

    def _merge(self) -> None:
        """Merge what no cursor tells apart, but for the newer half of what is kept.

        Made again only when twice as much is there, so that it costs an append no more than its own size.
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
    """How far somebody has been told. Made by `Journal.cursor`."""

    __slots__ = ("_journal", "_open", "number")

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._open = True
        self.number = journal.number
        """The position up to which its owner was told."""
        journal._move(None, self.number)

    @property
    def clock(self) -> str:
        """The state up to which its owner was told."""
        return self._journal._clock(self.number)

    @property
    def behind(self) -> bool:
        """Whether there may be something to take."""
        return self._open and self.number < self._journal.number

    def take(self) -> Batch | None:
        """All that came after it as one batch, and it moves on; None if nothing has changed in the end.

        Who is just one batch behind gets that very object, and whoever else stands at one place gets one and the same.
        """
        batch = self._journal._after(self.number) if self.behind else None
        self.catch_up()
        return batch

    def catch_up(self) -> None:
        """Move to now: its owner was given all there is."""
        if self.behind:
            self._journal._move(self.number, self._journal.number)
            self.number = self._journal.number

    def close(self) -> None:
        """Nothing is kept for it any more, and it stays where it is."""
        if self._open:
            self._open = False
            self._journal._move(self.number, None)


def _new_epoch(taken: Iterable[str]) -> str:
    while (epoch := secrets.token_hex(4)) in taken:
        pass
    return epoch


def _number(clock: str) -> int:
    return int(clock.rpartition(":")[2])
