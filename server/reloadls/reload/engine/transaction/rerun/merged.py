"""Keep a container that the running program has changed, where it would be made anew."""

from __future__ import annotations

from functools import partial
from sys import getrefcount
from typing import Any

from reloadls.reload.engine.objects.containers import entries, is_a, refill, same_entries
from reloadls.reload.engine.objects.values import copy_of
from reloadls.reload.engine.program.dependents import Origin
from reloadls.reload.engine.program.placing import later_statements
from reloadls.reload.engine.transaction.schedule import Schedule
from reloadls.reload.engine.transaction.transaction import Transaction

from .merging import Merging

__all__ = ["keep_merged"]

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
    if copy_of(old) == made or getrefcount(module.namespace[name]) > _ONE_HOLDER:
        return False  # what others hold, too, was there already, or is part of something else
    new, merging = module.namespace[name], Merging()
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
    for each, factory in merging.factories:
        shared.undo.set_attribute(each, "default_factory", factory)
    module.namespace[name] = old
    shared.registrations.replace(new, old)
    if not merging.is_complete:
        message = f"{name}: what the program has changed in it since it was made is kept; restart to make it anew"
        shared.notes.add("stillHeld", message, module=module, line=statement.first, name=name)
    differs = False
    for container, content in merging.contents:
        before = entries(container)
        if not same_entries(before, content, pairs=is_a(container, dict)):
            shared.undo.add(partial(refill, container, before))
            refill(container, content)
            differs = True
    if differs:
        shared.add_changed(module, [name])
        schedule.emit((module.name, name))
    return True
