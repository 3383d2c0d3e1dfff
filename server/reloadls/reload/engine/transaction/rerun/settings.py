"""Which names of modules, and attributes of classes and objects, statements elsewhere have given other values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any

from reloadls.reload.engine.analysis.bytecode import names_in
from reloadls.reload.engine.analysis.lookups import ANY, lookups
from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.objects.changes import Change, state_of
from reloadls.reload.engine.objects.containers import home_of, is_a, slot_name
from reloadls.reload.engine.objects.values import same_value
from reloadls.reload.engine.program.dependents import Key, Origin, dependents, keys_of, value_at
from reloadls.reload.engine.program.modules import LoadedModule, Modules
from reloadls.reload.engine.program.placing import changes_in, later_statements
from reloadls.reload.engine.program.reading import read_by
from reloadls.reload.engine.undo import MISSING

__all__ = ["changed_settings", "follows", "lookers", "readers", "sets", "setters"]

_BY_TEXT = frozenset(["__dict__", "asdict", "attrgetter", "getattr", "vars"])
"""What reads attributes whose names the code may not say."""
_WITH_KEYS = (ModuleType, type)
"""Others depend on their attributes by name."""


def changed_settings(given: Iterable[Change], taken: Iterable[Change]) -> Iterator[tuple[Key, Any, str]]:
    """The key, owner and name of each: `configure(port=2)` that sets `config.port`.

    Args:
        given: what the statement has changed.
        taken: what of it was taken back before.
    """
    for owner, name in _changed_attributes(given, taken):
        if is_a(owner, _WITH_KEYS):
            yield _key(owner, name), owner, name


def readers(
    modules: Modules, by: Origin, given: Iterable[Change], taken: Iterable[Change]
) -> Iterator[tuple[Origin, Key]]:
    """The statements that read an attribute of an object which another has set (`def f(port=config.port)`).

    With the name that leads to the object there. Values that may have state are left alone.
    """
    for owner, name in _changed_attributes(given, taken):
        for module in modules if not is_a(owner, _WITH_KEYS) else ():
            for each in module.mentioning(frozenset([name])):
                uses = each.facts.uses
                if uses.value and not all(map(module.is_as_made, uses.binds)):
                    continue
                chains = [chain[:-1] for chain in uses.now.reads if len(chain) > 1 and chain[-1] == name]
                found = [chain for chain in chains if value_at(module, chain) is owner]
                if found and follows(by, owner, name, module, each):
                    *_, key = keys_of(modules, module, found[0])
                    yield (module, each), key
            for each in module.values_by_calls():
                if follows(by, owner, name, module, each) and _calls_what_reads(modules, (module, each), owner, name):
                    yield (module, each), (module.name, min(each.facts.uses.binds))


def _calls_what_reads(modules: Modules, origin: Origin, owner: Any, name: str) -> bool:
    """Whether a statement may read an attribute of an object by the functions that it calls."""
    found = read_by(modules, *origin, tables=True)
    names = {*origin[1].facts.words}
    for each in found.values():
        names.update(names_in(each.__code__) if is_a(each, FunctionType) else ())
    if name not in names and names.isdisjoint(_BY_TEXT):
        return False
    kinds = (id(each) for each in type(owner).__mro__ if modules.owns(home_of(each)))
    return not found.keys().isdisjoint((id(owner), *kinds))


def follows(by: Origin, owner: Any, name: str, other: LoadedModule, each: Statement) -> bool:
    """Whether a statement that reads what another has set in its owner stands below it, and sets it not itself."""
    return _is_below(by, other, each) and not sets((other, each), owner, name)


def _is_below(by: Origin, other: LoadedModule, each: Statement) -> bool:
    """Whether a statement comes after one that has run, and what it did itself can be taken back."""
    module, statement = by
    facts = each.facts
    if facts is statement.facts or not other.comes_after(each.first, module, statement.first):
        return False
    return facts.uses.value or facts.is_definition or other.knows_changes_of(facts)


def lookers(
    modules: Modules, by: Origin, key: Key, container: Any, changes: tuple[Iterable[Change], Iterable[Change]]
) -> Iterator[Origin]:
    """The classes, definitions, conditions, loops and calls that look into a container which a statement has changed.

    Args:
        modules: the program.
        by: the statement.
        key: what means the container.
        container: a list, dictionary, set or deque.
        changes: what the statement has given it, and what of the statement was taken back before.
    """
    changed = _changed_keys(container, *changes)
    for other, each in dependents(modules, key) if changed else ():
        if each.facts.uses.value or not _is_below(by, other, each):
            continue
        own = (effect.change for effect in other.effects.get(each.facts, ()))
        if any(change is not None and change.owner is container for change in own):
            continue
        for chain, name in lookups(each.facts.nodes):
            if (name is ANY or ANY in changed or slot_name(name) in changed) and value_at(other, chain) is container:
                yield other, each
                break


def _changed_keys(container: Any, given: Iterable[Change], taken: Iterable[Change]) -> set[object]:
    """The keys under which something else is now; of what has no keys, `ANY`."""
    before, now = (
        [pair for each in changes if each.owner is container for pair in each.given()] for changes in (taken, given)
    )
    if not is_a(container, dict):
        alike = len(before) == len(now) and all(
            same_value(one, other) for (_, one), (_, other) in zip(before, now, strict=True)
        )
        return set() if alike else {ANY}
    was, is_now = ({slot_name(key): value for key, value in pairs} for pairs in (before, now))
    gone = {slot_name(key) for each in given if each.owner is container for _, (key, _) in each.removed}
    differs = (key for key in was | is_now if not same_value(was.get(key, MISSING), is_now.get(key, MISSING)))
    return {*gone, *differs}


def _changed_attributes(given: Iterable[Change], taken: Iterable[Change]) -> Iterator[tuple[Any, str]]:
    """Owner and name of each attribute that a statement has given another value."""
    before: dict[tuple[int, str], tuple[Any, Any]] = {}
    for change in taken:
        before |= {(id(change.owner), name): (change.owner, became) for name, _, became in _changed_names(change)}
    for change in given:
        for name, was, _ in _changed_names(change):
            before.setdefault((id(change.owner), name), (change.owner, was))
    states = {id(owner): state_of(owner) or {} for owner, _ in before.values()}
    for (_, name), (owner, was) in before.items():
        if not same_value(was, states[id(owner)].get(name, MISSING)):
            yield owner, name


def setters(modules: Modules, origin: Origin, owner: Any, names: Iterable[str]) -> list[Origin]:
    """The statements below one that give names or attributes which it defines another value, the last first."""
    module, statement = origin
    others = [other for other in modules if any(each.owner is owner for each in changes_in(other))]
    later = later_statements(others, module, statement.first)
    found = [(other, each) for other, each, _ in later if any(sets((other, each), owner, name) for name in names)]
    return found[::-1]


def sets(origin: Origin, owner: Any, name: str) -> bool:
    """Whether a statement has set a name or attribute itself, as what counts does: what it read there was its own."""
    module, statement = origin
    changes = (each.change for each in module.effects.get(statement.facts, ()))
    return any(each is not None and each.owner is owner and name in _names(each) for each in changes)


def _names(change: Change) -> set[str]:
    return {name for name, *_ in _changed_names(change)}


def _changed_names(change: Change) -> Iterator[tuple[str, Any, Any]]:
    """Name, what it was, what it became."""
    if change.attributes:
        yield from ((str(name), was, became) for name, was, became in change.replaced)
        yield from ((str(name), MISSING, became) for _, (name, became) in change.added)
        yield from ((str(name), was, MISSING) for _, (name, was) in change.removed)


def _key(owner: Any, name: str) -> Key:
    if is_a(owner, ModuleType):
        return str(vars(owner).get("__name__")), name
    return home_of(owner), f"{type.__getattribute__(owner, '__qualname__')}.{name}"
