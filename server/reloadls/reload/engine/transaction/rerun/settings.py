"""Which names of modules and attributes of classes statements elsewhere have given other values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

from reloadls.reload.engine.objects.changes import Change
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.objects.values import same_value
from reloadls.reload.engine.program.dependents import Key, Origin
from reloadls.reload.engine.program.modules import Modules
from reloadls.reload.engine.program.placing import later_statements
from reloadls.reload.engine.undo import MISSING

__all__ = ["changed_settings", "sets", "setters"]


def changed_settings(given: Iterable[Change], taken: Iterable[Change]) -> Iterator[tuple[Key, Any, str]]:
    """The key, owner and name of each: `configure(port=2)` that sets `config.port`.

    Args:
        given: what the statement has changed.
        taken: what of it was taken back before.
    """
    before: dict[tuple[int, str], tuple[Any, Any]] = {}
    for change in taken:
        before |= {(id(change.owner), name): (change.owner, became) for name, _, became in _changed_names(change)}
    for change in given:
        for name, was, _ in _changed_names(change):
            before.setdefault((id(change.owner), name), (change.owner, was))
    for (_, name), (owner, was) in before.items():
        own = vars(owner) if is_a(owner, ModuleType) else type.__getattribute__(owner, "__dict__")
        if not same_value(was, own.get(name, MISSING)):
            yield _key(owner, name), owner, name


def setters(modules: Modules, origin: Origin, owner: Any, names: Iterable[str]) -> list[Origin]:
    """The statements below one that give names or attributes which it defines another value, the last first."""
    module, statement = origin
    later = later_statements(modules, module, statement.first)
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
    if change.attributes and is_a(change.owner, (ModuleType, type)):
        yield from ((str(name), was, became) for name, was, became in change.replaced)
        yield from ((str(name), MISSING, became) for _, (name, became) in change.added)
        yield from ((str(name), was, MISSING) for _, (name, was) in change.removed)


def _key(owner: Any, name: str) -> Key:
    if is_a(owner, ModuleType):
        return str(vars(owner).get("__name__")), name
    return str(type.__getattribute__(owner, "__module__")), f"{type.__getattribute__(owner, '__qualname__')}.{name}"
