"""What was taken back in a commit, one by one: an entry that is gone may have been another statement's, too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reloadls.reload.engine.objects.changes import Change, state_of
from reloadls.reload.engine.objects.containers import entries, is_a, slot_name
from reloadls.reload.engine.objects.values import same_value
from reloadls.reload.engine.undo import MISSING

__all__ = ["Lost", "lost_by"]


@dataclass(frozen=True, slots=True)
class Lost:
    """One entry or attribute that was taken back."""

    owner: Any
    key: Any
    """None of what has no keys."""
    value: Any
    attributes: bool

    def is_gone(self) -> bool:
        """Whether it is not there any more."""
        if self.attributes:
            return not same_value((state_of(self.owner) or {}).get(self.key, MISSING), self.value)
        if is_a(self.owner, dict):
            now = {slot_name(key): value for key, value in entries(self.owner)}
            return not same_value(now.get(slot_name(self.key), MISSING), self.value)
        return not any(each is self.value for each in entries(self.owner))

    def is_of(self, change: Change) -> bool:
        """Whether a change has put something there."""
        if change.owner is not self.owner or change.attributes is not self.attributes:
            return False
        if self.attributes or is_a(self.owner, dict):
            return any(slot_name(key) == slot_name(self.key) for key, _ in change.given())
        return any(value is self.value for _, value in change.given())


def lost_by(change: Change) -> Iterator[Lost]:
    """What a change has given that is about to be taken back."""
    for key, value in change.given() if change.whole is None else ():
        yield Lost(change.owner, key, value, change.attributes)
