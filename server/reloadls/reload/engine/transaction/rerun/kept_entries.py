"""Keep what the program has made of what a statement had put into containers and objects, and puts there again."""

from __future__ import annotations

from typing import Any

from reloadls.reload.engine.analysis.diff import Step
from reloadls.reload.engine.objects.changes import Change, set_slot
from reloadls.reload.engine.objects.containers import entries, home_of, is_a, refill, slot_name
from reloadls.reload.engine.objects.values import copy_of, is_immutable
from reloadls.reload.engine.program.dependents import Key, Origin
from reloadls.reload.engine.program.placing import later_statements
from reloadls.reload.engine.transaction.former import Entry
from reloadls.reload.engine.transaction.schedule import Schedule
from reloadls.reload.engine.transaction.transaction import Transaction
from reloadls.reload.engine.undo import MISSING

from .merged import has_gone_on, note_kept
from .merging import Merging
from .same_calls import calls_as_before, puts_by_calls, repeats_as_before

__all__ = ["KeptEntries"]


class KeptEntries:
    """Keeps what one statement has put in the same places again.

    Args:
        shared: the commit's data; what the statement has changed is in it.
        schedule: what is due in it.
        origin: the statement that has run.
        step: what became of it in this commit.
    """

    def __init__(self, shared: Transaction, schedule: Schedule, origin: Origin, step: Step) -> None:
        self._shared = shared
        self._schedule = schedule
        self._origin = origin
        self._step = step

    def keep(self) -> None:
        """Have it be what the program has made of it meanwhile."""
        shared, (module, statement) = self._shared, self._origin
        matching = [(change, found) for change in shared.given for found in shared.traces.former.matching(change)]
        later = self._later() if matching else []
        for change, (key, value, made, entry) in matching:
            if any(_concerns(each, change, key) for each in later) or has_gone_on(shared, value, change):
                continue
            kept = self._kept(value, made, entry)
            plain = made is not MISSING and is_immutable(made)
            if kept is value or (plain and copy_of(kept) == made):
                continue
            _put(change, key, value, kept)
            if not plain:
                shared.registrations.replace(value, kept)
                for name in [name for name in statement.facts.uses.binds if module.namespace.get(name) is value]:
                    module.namespace[name] = kept

    def _later(self) -> list[Change]:
        """What later statements have changed; they run again, unlike what the program lives in."""
        module, statement = self._origin
        found = later_statements(self._shared.modules, module, statement.first)
        return [each for other, by, changes in found if not self._schedule.is_running(other, by) for each in changes]

    def _kept(self, value: Any, made: Any, entry: Entry) -> Any:
        """What is to be where a value was put: what was there before, or the value itself."""
        is_edited = self._schedule.is_edited(self._origin[1])
        if made is MISSING or entry.made is MISSING:
            if type(value) is not type(entry.value) or made is not entry.made:
                return value
            if not (self._calls_as_before() if puts_by_calls(self._step) else self._repeats_as_before()):
                if is_edited or not puts_by_calls(self._step):
                    return value
                note_kept(self._shared, self._origin, type(value).__name__, "the object that exists is kept")
        elif made != entry.made:
            return value if is_edited else self._merged(value, made, entry)
        entry.put_back(self._shared.undo)
        return entry.value

    def keep_in(self, old: Any, new: Any) -> None:
        """The same for objects in a new dictionary that has been made in the place of one, for the same names."""
        owns = self._shared.modules.owns
        if not type(old) is type(new) is dict or not self._repeats_as_before():
            return
        before = {slot_name(key): value for key, value in old.items()}
        for key, value in list(new.items()):
            kept = before.get(slot_name(key))
            if kept is not value and type(kept) is type(value) and owns(home_of(type(value))):
                new[key] = kept
                self._shared.registrations.replace(value, kept)

    def _calls_as_before(self) -> bool:
        return calls_as_before(self._shared.modules, self._origin[0], self._step, self._changed())

    def _repeats_as_before(self) -> bool:
        return repeats_as_before(self._shared.modules, self._origin[0], self._step, self._changed())

    def _changed(self) -> set[Key]:
        return {*self._schedule.keys, *self._schedule.bodies}

    def _merged(self, value: Any, made: Any, entry: Entry) -> Any:
        """The same where the value is made otherwise now."""
        owns = self._shared.modules.owns
        if is_immutable(made) or is_immutable(entry.made):
            if copy_of(entry.value, owns) == entry.made:
                return value
            note_kept(self._shared, self._origin, "a value")
            return entry.value
        merging = Merging(owns)
        entry.put_back(self._shared.undo)
        if not merging.merge(entry.made, entry.value, value):
            return value
        merging.apply(self._shared.undo)
        if not merging.is_complete:
            note_kept(self._shared, self._origin, type(entry.value).__name__)
        return entry.value


def _concerns(later: Change, change: Change, key: Any) -> bool:
    """Whether a later statement has changed the same."""
    if later.owner is not change.owner or later.attributes != change.attributes:
        return False
    if key is None:
        return bool(later.removed)
    return any(slot_name(each) == slot_name(key) for each, _ in (*later.given(), *(pair for _, pair in later.removed)))


def _put(change: Change, key: Any, value: Any, kept: Any) -> None:
    """Have it be there instead; it is taken back with the change."""
    owner = change.owner
    if change.attributes:
        set_slot(owner, key, kept, attributes=True)
    elif is_a(owner, dict):
        refill(owner, [(each, kept if each is key else held) for each, held in entries(owner)])
    else:
        refill(owner, [kept if each is value else each for each in entries(owner)])
    change.inner = [(kept if each is value else each, held) for each, held in change.inner]
