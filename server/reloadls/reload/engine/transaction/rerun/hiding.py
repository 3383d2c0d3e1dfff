"""Show a statement the program as at a fresh start: without what later statements have added."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import FunctionType
from typing import Any

from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.objects.changes import Change, set_slot, state_of
from reloadls.reload.engine.objects.containers import entries, home_of, is_a, put_back, refill, same_entries, slot_name
from reloadls.reload.engine.objects.process_state import PROCESS
from reloadls.reload.engine.objects.values import is_plain
from reloadls.reload.engine.program.modules import LoadedModule, Modules
from reloadls.reload.engine.program.placing import later_changes
from reloadls.reload.engine.program.reading import read_by
from reloadls.reload.engine.program.reflection import is_seen, looks_at_names
from reloadls.reload.engine.transaction.plan import definitions
from reloadls.reload.engine.undo import MISSING, Undo

from .idle import Puts

__all__ = ["Hidden", "later_hidden", "names_in_order"]

_CONTAINERS = (list, dict, set)

Hidden = dict[tuple[int, Hashable], Any]
"""The id of an object and the name of a key or attribute of it -> its value, which does not show."""


@contextmanager
def later_hidden(modules: Modules, module: LoadedModule, statement: Statement, undo: Undo) -> Iterator[Hidden]:
    """Take out what later statements have put into the objects that a statement reads, while it runs.

    Yields the keys and attributes that are there no more for that time, or have another value.
    """
    gone: Hidden = {}
    uses = statement.facts.uses
    computes = bool(uses.value and uses.binds)
    loops = any(isinstance(node, (ast.For, ast.While)) for node in statement.facts.nodes)
    hidden: list[tuple[Any, Any, Any]] = []
    if computes or loops or any(definitions(statement)):
        read, puts = read_by(modules, module, statement, tables=computes), None
    else:  # it is there for what it does: that is put in its place
        puts = Puts(modules, module, statement)
        read = {key: each for key, each in puts.owners.items() if is_a(each, dict)}
    for owner in read.values():
        changes = [each for each in later_changes(modules, module, statement.first, owner) if _can_be_hidden(each)]
        if puts is not None:
            changes = list(_that_may_be_put(changes, puts))
        if changes:
            before = _content(owner)
            undo.add(partial(_put, owner, before))
            for change in reversed(changes):
                replace(change, taken=[], left=[]).take_out()
            hidden.append((owner, before, _content(owner)))
            gone.update(_gone(*hidden[-1]))
    generic: list[Any] = [each for each in read.values() if hidden and is_a(each, FunctionType)]
    generic = [each for each in generic if "_clear_cache" in vars(each)]
    for each in generic:  # of `functools.singledispatch`
        undo.add(each._clear_cache)
        each._clear_cache()
    yield gone
    for owner, before, without in hidden:
        _show(owner, before, without)
    for each in generic:
        each._clear_cache()


def _that_may_be_put(changes: Sequence[Change], puts: Puts) -> Iterator[Change]:
    """What a statement may put there, too: that shows as a change of its own only where it is not there already."""
    given = (pair for each in changes for pair in each.given())
    keys = {slot_name(key) for key, value in given if _is_fixed(value) and puts.may_put_under(key, value)}
    for each in changes:
        added = [entry for entry in each.added if slot_name(entry[1][0]) in keys]
        replaced = [slot for slot in each.replaced if slot_name(slot[0]) in keys]
        if added or replaced:
            yield replace(each, added=added, removed=[], replaced=replaced)


def _is_fixed(value: Any) -> bool:
    return is_plain(value) or is_a(value, (FunctionType, type))


def _gone(owner: Any, before: Any, without: Any) -> Iterator[tuple[tuple[int, Hashable], Any]]:
    if not is_a(owner, _CONTAINERS) or is_a(owner, dict):
        left = {slot_name(key): value for key, value in dict(without).items()}
        for key, value in dict(before).items():
            if left.get(slot_name(key), MISSING) is not value:
                yield (id(owner), slot_name(key)), value


def _can_be_hidden(change: Change) -> bool:
    if change.whole is not None or change.owner is PROCESS or change.reordered or change.inner:
        return False
    return home_of(type(change.owner)) != "os" and (change.attributes or is_a(change.owner, _CONTAINERS))


def _content(owner: Any) -> Any:
    return entries(owner) if is_a(owner, _CONTAINERS) else dict(state_of(owner) or {})


def _put(owner: Any, content: Any) -> None:
    if is_a(owner, _CONTAINERS):
        put_back(owner, content)
        return
    now = state_of(owner) or {}
    for name in {*now, *content}:
        if now.get(name, MISSING) is not content.get(name, MISSING):
            set_slot(owner, name, content.get(name, MISSING), attributes=True)


def _show(owner: Any, before: Any, without: Any) -> None:
    """Put back what was hidden; what the statement has added meanwhile comes behind it."""
    now = _content(owner)
    if not is_a(owner, _CONTAINERS):
        changed = {name: value for name, value in now.items() if without.get(name, MISSING) is not value}
        _put(owner, {**before, **changed})
        return
    if same_entries(now, without, pairs=is_a(owner, dict)):
        put_back(owner, before)
        return
    if is_a(owner, dict):
        known = {slot_name(key): value for key, value in without}
        given = [(key, value) for key, value in now if known.get(slot_name(key), MISSING) is not value]
        keys = {slot_name(key): value for key, value in given}
        kept = [(key, keys.pop(slot_name(key), value)) for key, value in before]
        refill(owner, [*kept, *((key, value) for key, value in given if slot_name(key) in keys)])
        return
    refill(owner, _merged(before, without, now))


def _merged(before: list[Any], without: list[Any], now: list[Any]) -> list[Any]:
    """The entries that are there now, with the hidden ones behind those that they were behind."""
    result, shown, place = list(now), list(without), 0
    for entry in before:
        if not (shown and shown[0] is entry):
            result.insert(place, entry)
            place += 1
            continue
        del shown[0]
        place = next((at + 1 for at, each in enumerate(result) if at >= place and each is entry), place)
    return result


@contextmanager
def names_in_order(module: LoadedModule, statement: Statement, undo: Undo) -> Iterator[None]:
    """Have a module show a statement that looks at all its names those from above it, in order, while it runs."""
    if not _looks_at_names(module, statement):
        yield
        return
    namespace = module.namespace
    before = dict(namespace)
    undo.add(partial(_refill, namespace, before))
    names = [name for each in module.source.statements for name in sorted(each.facts.uses.binds)]
    for name in dict.fromkeys(name for name in names if name in namespace):
        value = namespace.pop(name)
        if is_seen(module, name, statement):
            namespace[name] = value
    try:
        yield
    finally:
        for name, value in before.items():
            if name not in namespace and not is_seen(module, name, statement):
                namespace[name] = value


def _looks_at_names(module: LoadedModule, statement: Statement) -> bool:
    uses = statement.facts.uses
    if looks_at_names(module, uses.now):
        return True
    called = {chain[0] for chain in uses.now.calls if len(chain) == 1}
    functions = (each.facts.uses.later for each in module.source.statements if called & each.facts.uses.later.keys())
    return any(reads.namespace for later in functions for name, reads in later.items() if name in called)


def _refill(namespace: dict[str, Any], names: dict[str, Any]) -> None:
    namespace.clear()
    namespace.update(names)
