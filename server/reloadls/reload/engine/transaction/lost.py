"""What was taken back in a commit, one by one: an entry that is gone may have been another statement's, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from weakref import ref

from reloadls.reload.engine.objects.changes import Change, state_of
from reloadls.reload.engine.objects.containers import entries, home_of, is_a, slot_name
from reloadls.reload.engine.objects.values import same_value
from reloadls.reload.engine.undo import MISSING

__all__ = ["Lost", "hidden_by", "lost_by"]


@dataclass(frozen=True, slots=True, eq=False)
class Lost:
    """One entry or attribute that was taken back."""

    owner: Any
    key: Any
    """None of what has no keys."""
    value: Any
    attributes: bool
    is_hidden: bool = False
    """Not because it was taken back: something else was put in its place."""

    def is_gone(self, stands_for: Callable[[Any], Any]) -> bool:
        """Whether it is not there any more.

        Args:
            stands_for: what is to stand in the place of a value that was made anew.
        """
        if self.attributes:
            now = (state_of(self.owner) or {}).get(self.key, MISSING)
        elif is_a(self.owner, dict):
            now = {slot_name(key): value for key, value in entries(self.owner)}.get(slot_name(self.key), MISSING)
        else:
            return not any(stands_for(each) is stands_for(self.value) for each in entries(self.owner))
        return not same_value(stands_for(now), stands_for(self.value))

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
        # What is kept of an object by a weak reference is a cache, and what a weak container says of itself is its own.
        if not is_a(key, ref) and not home_of(type(change.owner)).startswith(("weakref", "_weakref")):
            yield Lost(change.owner, key, value, change.attributes)


def hidden_by(change: Change) -> Iterator[Lost]:
    """What a change has put something else in the place of."""
    for key, before, _ in change.replaced:
        yield Lost(change.owner, key, before, change.attributes, is_hidden=True)
