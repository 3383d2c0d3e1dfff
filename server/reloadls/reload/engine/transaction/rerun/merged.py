"""Keep what the running program has changed in containers and objects, where they would be made anew."""

from __future__ import annotations

from gc import is_tracked
from sys import getrefcount
from typing import Any

from reloadls.reload.engine.objects.changes import Change, set_slot
from reloadls.reload.engine.objects.containers import entries, is_a, refill
from reloadls.reload.engine.objects.reach import reaches
from reloadls.reload.engine.objects.values import copy_of, is_immutable
from reloadls.reload.engine.program.dependents import Origin
from reloadls.reload.engine.program.placing import later_statements
from reloadls.reload.engine.transaction.former import Entry, place
from reloadls.reload.engine.transaction.schedule import Schedule
from reloadls.reload.engine.transaction.transaction import Transaction
from reloadls.reload.engine.undo import MISSING

from .merging import Merging

__all__ = ["keep_former", "keep_in_class", "keep_merged"]

_ONE_HOLDER = 2
"""What `getrefcount` says of an object that only a namespace holds."""


def keep_merged(shared: Transaction, schedule: Schedule, origin: Origin, name: str, *, old: Any, made: Any) -> bool:
    """Keep a container, and have it hold what it is made of now beside what the program has put in, or taken out.

    Args:
        shared: the commit's data.
        schedule: what is due in it.
        origin: the statement that has made it anew.
        name: what it has bound.
        old: the container.
        made: what that was made as, by `copy_of`.

    Returns:
        False if the new one takes its place: the program has not changed the old one, or that can't be known.
    """
    module, statement = origin
    if copy_of(old, shared.modules.owns) == made or getrefcount(module.namespace[name]) > _ONE_HOLDER:
        return False  # what others hold, too, was there already, or is part of something else
    new, merging = module.namespace[name], Merging(shared.modules.owns)
    if _has_gone_on(shared, new):
        return False
    if not merging.merge(made, old, new):
        return False
    owners = {id(container) for container, _ in merging.contents}
    later = later_statements(shared.modules, module, statement.first)
    later_ones = [
        change
        for other, each, changes in later
        for change in changes
        if id(change.owner) in owners and not schedule.is_running(other, each)
    ]
    if later_ones:  # they run again, unlike what the program lives in
        if is_a(old, dict):
            merging.keep_added(old, new, made, later_ones)
        return False
    module.namespace[name] = old
    shared.registrations.replace(new, old)
    if not merging.is_complete:
        _note_kept(shared, origin, name)
    if merging.apply(shared.undo):
        shared.add_changed(module, [name])
        schedule.emit((module.name, name))
    return True


def keep_in_class(
    shared: Transaction, origin: Origin, names: set[str], cls: type, *, before: dict[str, Any], made: dict[str, Any]
) -> None:
    """The same for the attributes of a class whose values the body has made anew.

    Args:
        shared: the commit's data.
        origin: the statement of the class.
        names: the attributes.
        cls: the class.
        before: what they were.
        made: what names and attributes were made as, by `copy_of`.
    """
    owns, now = shared.modules.owns, type.__getattribute__(cls, "__dict__")
    for name in sorted(names & before.keys() & now.keys()):
        key, new = f"{cls.__qualname__}.{name}", now[name]
        copy = copy_of(new, owns)
        if new is before[name] or copy is MISSING:
            continue
        origin[0].copies[key] = copy
        if key not in made or copy_of(before[name], owns) == made[key]:
            continue
        merging = Merging(owns)
        if merging.merge(made[key], before[name], new):
            shared.undo.set_class_attribute(cls, name, before[name])
            merging.apply(shared.undo)
            if not merging.is_complete:
                _note_kept(shared, origin, key)


def keep_former(shared: Transaction, schedule: Schedule, origin: Origin) -> None:
    """Have what a statement has put in the same places again be what the program has made of it meanwhile.

    Args:
        shared: the commit's data; what the statement has changed is in it.
        schedule: what is due in it.
        origin: the statement that has run.
    """
    module, statement = origin
    matching = [(change, found) for change in shared.given for found in shared.traces.former.matching(change)]
    if not matching:
        return
    later = [
        change
        for other, each, changes in later_statements(shared.modules, module, statement.first)
        for change in changes
        if not schedule.is_running(other, each)
    ]
    for change, (key, value, made, entry) in matching:
        if any(_concerns(each, change, key) for each in later) or _has_gone_on(shared, value, change):
            continue
        if made == entry.made:
            kept = entry.value
            entry.put_back(shared.undo)
        elif schedule.is_edited(statement):
            continue
        else:
            kept = _merged_entry(shared, origin, value, made, entry)
        if kept is not value and not (is_immutable(made) and copy_of(kept) == made):
            _put(change, key, value, kept)
            if not is_immutable(made):
                shared.registrations.replace(value, kept)
                for name in [name for name in statement.facts.uses.binds if module.namespace.get(name) is value]:
                    module.namespace[name] = kept


def _merged_entry(shared: Transaction, origin: Origin, value: Any, made: Any, entry: Entry) -> Any:
    """What is to be where a value was put that is made otherwise now."""
    owns = shared.modules.owns
    if is_immutable(made) or is_immutable(entry.made):
        if copy_of(entry.value, owns) == entry.made:
            return value
        _note_kept(shared, origin, "a value")
        return entry.value
    merging = Merging(owns)
    entry.put_back(shared.undo)
    if not merging.merge(entry.made, entry.value, value):
        return value
    merging.apply(shared.undo)
    if not merging.is_complete:
        _note_kept(shared, origin, type(entry.value).__name__)
    return entry.value


def _has_gone_on(shared: Transaction, value: Any, change: Change | None = None) -> bool:
    """Whether a statement has changed what it had made, in another change than the one that put it there."""
    owners = {id(each.owner) for each in shared.given if each is not change}
    return bool(owners) and is_tracked(value) and reaches(value, owners)


def _concerns(later: Change, change: Change, key: Any) -> bool:
    """Whether a later statement has changed the same."""
    if later.owner is not change.owner or later.attributes != change.attributes:
        return False
    if key is None:
        return bool(later.removed)
    return any(place(each) == place(key) for each, _ in (*later.given(), *(pair for _, pair in later.removed)))


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


def _note_kept(shared: Transaction, origin: Origin, name: str) -> None:
    module, statement = origin
    message = f"{name}: what the program has changed in it since it was made is kept; restart to make it anew"
    shared.notes.add("stillHeld", message, module=module, line=statement.first, name=name)
