"""Keep what the running program has changed in containers and objects, where they would be made anew."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from gc import is_tracked
from sys import getrefcount
from typing import Any

from reloadls.reload.engine.objects.changes import Change
from reloadls.reload.engine.objects.reach import reaches
from reloadls.reload.engine.objects.running import function_with
from reloadls.reload.engine.objects.values import OPEN, Same, copy_of
from reloadls.reload.engine.program.dependents import Origin
from reloadls.reload.engine.program.modules import LoadedModule
from reloadls.reload.engine.program.placing import later_statements
from reloadls.reload.engine.transaction.schedule import Schedule
from reloadls.reload.engine.transaction.transaction import Transaction
from reloadls.reload.engine.undo import MISSING

from .merging import Merging

__all__ = ["ONE_HOLDER", "has_gone_on", "keep_in_class", "keep_merged", "note_kept"]

_CONTAINERS = frozenset([*OPEN, tuple, frozenset])
ONE_HOLDER = 2
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
        False if the new one takes its place: the program has not changed the old container, or that can't be known.
    """
    module, statement = origin
    is_object = made[0] is Same  # others may hold it; a container that nobody has changed can be another
    if not is_object and copy_of(old, shared.modules.owns) == made and function_with(old) is None:
        return False
    if getrefcount(module.namespace[name]) > ONE_HOLDER:
        return False  # what others hold, too, was there already, or is part of something else
    new, merging = module.namespace[name], Merging(shared.modules.owns)
    if has_gone_on(shared, new):
        return False
    if not merging.merge(made, old, new) and not (type(old) is type(new) is deque):
        return False
    owners = {id(old), *(id(container) for container, _ in merging.contents)}
    later = later_statements(shared.modules, module, statement.first)
    later_ones = [
        change
        for other, each, changes in later
        for change in changes
        if id(change.owner) in owners and not schedule.is_running(other, each)
    ]
    if later_ones or not merging.contents:  # they run again, unlike what the program lives in; or of another `maxlen`
        merging.keep_added(old, new, made, later_ones)
        shared.traces.former.moved(old, new)
        return False
    module.namespace[name] = old
    shared.registrations.replace(new, old)
    if not merging.is_complete:
        note_kept(shared, origin, name)
    holders = list(_as_made_with(shared, old)) if is_object else []
    if merging.apply(shared.undo):
        shared.add_changed(module, [name])
        for other in shared.modules:  # others may have imported it
            for alias in [each for each, value in other.namespace.items() if value is old]:
                schedule.emit((other.name, alias))
        for other, holder in holders:  # the program has not changed them
            other.copies[holder] = copy_of(other.namespace[holder], shared.modules.owns)
    return True


def _as_made_with(shared: Transaction, value: Any) -> Iterator[tuple[LoadedModule, str]]:
    """The names of what holds an object and is as it was made."""
    for module in shared.modules:
        for name, copy in list(module.copies.items()):
            held = module.namespace.get(name) if _has_objects(copy) else None
            if held is None or held is value or not reaches(held, {id(value)}):
                continue
            if copy_of(held, shared.modules.owns) == copy:
                yield module, name


def _has_objects(copy: Any) -> bool:
    """Whether a copy is of, or has in it, an object of the program."""
    kind, parts = copy
    if kind is Same:
        return type(parts) is tuple
    return type(parts) is tuple and kind in _CONTAINERS and any(map(_has_objects, parts))


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
                note_kept(shared, origin, key)


def has_gone_on(shared: Transaction, value: Any, change: Change | None = None) -> bool:
    """Whether a statement has changed what it had made, in another change than the one that put it there."""
    owners = {id(each.owner) for each in shared.given if each is not change}
    return bool(owners) and is_tracked(value) and reaches(value, owners)


def note_kept(shared: Transaction, origin: Origin, name: str, what: str = "") -> None:
    """Note that something that may be made otherwise now is what it was.

    Args:
        shared: the commit's data.
        origin: the statement that has made it anew.
        name: what it is.
        what: what is kept; what the program has changed in it since it was made when left out.
    """
    module, statement = origin
    message = (
        f"{name}: {what or 'what the program has changed in it since it was made is kept'}; restart to make it anew"
    )
    shared.notes.add("stillHeld", message, module=module, line=statement.first, name=name)
