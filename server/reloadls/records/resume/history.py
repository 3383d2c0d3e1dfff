"""The last changes of a folder's records, and the states before them: what a clock is resolved with. Pure."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reloadls.records.keys import Key
from reloadls.records.states.state import Change, RecordState
from reloadls.watch.clock import Clock

__all__ = ["CHANGES_KEPT", "History", "Step"]

CHANGES_KEPT: Final = 10_000
"""How many changes are kept."""
_BYTES_KEPT: Final = 8 * 1024 * 1024
"""How many bytes of the documents before these changes are kept."""


@dataclass(frozen=True, slots=True)
class Step:
    """What happened at one moment.

    Attributes:
        number: the position after it.
        before: the record's state before, of each record that changed.
        size: bytes of these states' documents.
    """

    number: int
    before: Mapping[Key, RecordState | None]
    size: int

    @classmethod
    def of(cls, number: int, before: Mapping[Key, RecordState | None]) -> Step:
        """Return the step with these states before it."""
        return cls(number, before, sum(state.size for state in before.values() if state is not None))


class History:
    """The last steps, within a bound. Positions continue across runs, but each run has a new epoch.

    Args:
        number: the position at which earlier runs ended.
        epochs: epoch → (first position, last position) of each earlier run.
        steps: the last steps, each one position after the one before, up to `number`.
    """

    def __init__(
        self,
        number: int = 0,
        epochs: Mapping[str, tuple[int, int]] | None = None,
        steps: Iterable[Step] = (),
    ) -> None:
        self._epochs = dict(epochs or {})
        self.epoch = secrets.token_hex(4)
        while self.epoch in self._epochs:
            self.epoch = secrets.token_hex(4)
        self.number = number
        """The current position."""
        self._first = number
        self._steps = deque(steps)
        self._changes = sum(len(step.before) for step in self._steps)
        self._bytes = sum(step.size for step in self._steps)
        self._trim()

    @property
    def clock(self) -> str:
        """The current clock."""
        return str(Clock(self.epoch, self.number))

    @property
    def oldest(self) -> int:
        """The oldest position that can be resolved."""
        return self._steps[0].number - 1 if self._steps else self.number

    def draft(self, changes: Sequence[Change]) -> Step:
        """Return the next step. Nobody sees it before `add`."""
        return Step.of(self.number + 1, {change.key: change.before for change in changes})

    def add(self, step: Step, *, forget: bool = False) -> None:
        """Append the last `draft`, and advance the clock.

        Args:
            step: the step.
            forget: whether clocks before it need not be known.
        """
        if forget:
            self._steps.clear()
            self._changes = self._bytes = 0
            self.number = step.number
            return
        self._steps.append(step)
        self.number = step.number
        self._changes += len(step.before)
        self._bytes += step.size
        self._trim()

    def _trim(self) -> None:
        while self._steps and (self._changes > CHANGES_KEPT or self._bytes > _BYTES_KEPT):
            gone = self._steps.popleft()
            self._changes -= len(gone.before)
            self._bytes -= gone.size

    def since(self, clock: str) -> dict[Key, RecordState | None] | None:
        """Return the states at `clock` of the records that have changed since; None if it is unknown or too old."""
        number = self._position(clock)
        if number is None or number < self.oldest:
            return None
        before: dict[Key, RecordState | None] = {}
        for step in self._steps:
            if step.number > number:
                for key, state in step.before.items():
                    before.setdefault(key, state)
        return before

    def _position(self, text: str) -> int | None:
        clock = Clock.parse(text)
        if clock is None:
            return None
        own = self._first, self.number
        first, last = own if clock.epoch == self.epoch else self._epochs.get(clock.epoch, (0, -1))
        return clock.number if first <= clock.number <= last else None
