"""What was made of an object, and has no part of it: a change of the object does not reach it."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Iterator, Sequence
from types import FunctionType, ModuleType
from typing import Any

from reloadls.reload.engine.analysis.bytecode import names_in
from reloadls.reload.engine.analysis.names import Chain
from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.objects.adopt import inner_functions
from reloadls.reload.engine.objects.changes import Change, state_of
from reloadls.reload.engine.objects.containers import CONTAINERS, is_a
from reloadls.reload.engine.objects.reach import reaches
from reloadls.reload.engine.program.dependents import Origin, dependents, value_at
from reloadls.reload.engine.program.modules import LoadedModule, Modules

__all__ = ["made_of"]

_NOT_INSIDE = (type, FunctionType, ModuleType)
_NO_BUILDER = (*CONTAINERS, type, FunctionType, ModuleType)


def made_of(
    modules: Modules, module: LoadedModule, statement: Statement, changes: Sequence[Change]
) -> Iterator[Origin]:
    """The statements that made something of what a statement changed: `app = config.make()` after `config.add(...)`.

    What holds the object, or what was changed in it, has the change already, and is left alone; so is what was made of
    other attributes.

    Args:
        modules: the program.
        module: that of the statement that has run.
        statement: the statement.
        changes: what it has changed.
    """
    for builder in _builders(module, statement, changes) if changes else ():
        attributes = _changed_attributes(builder, changes)
        if not attributes:
            continue
        changed = {id(builder), *(id(each.owner) for each in changes)}
        keys = [
            (each.name, name) for each in modules for name, value in list(each.namespace.items()) if value is builder
        ]
        for other, each in {origin[1]: origin for key in keys for origin in dependents(modules, key)}.values():
            if any(_uses(builder, chain, attributes) for chain in _from_builder(other, each, builder)):
                products = [other.namespace.get(bound) for bound in each.facts.uses.binds]
                if not any(reaches(product, changed) for product in products):
                    yield other, each


def _builders(module: LoadedModule, statement: Statement, changes: Sequence[Change]) -> list[Any]:
    """The objects that a statement reads or has set attributes of, and that others may have been made of."""
    chains = statement.facts.uses.now.reads
    found = {id(value): value for chain in chains for _, value in _values(module, chain)}
    found |= {id(each.owner): each.owner for each in changes if each.attributes}
    return [each for each in found.values() if each is not None and not is_a(each, _NO_BUILDER)]


def _values(module: LoadedModule, chain: Chain) -> Iterator[tuple[int, Any]]:
    """What a chain leads to after so many of its names."""
    return ((end, value_at(module, chain[:end])) for end in range(1, len(chain) + 1))


def _from_builder(module: LoadedModule, statement: Statement, builder: Any) -> Iterator[Chain]:
    """What a statement reads of an object, from the object on."""
    for chain in statement.facts.uses.now.reads:
        yield from (chain[end - 1 :] for end, value in _values(module, chain) if value is builder)


def _changed_attributes(builder: Any, changes: Sequence[Change]) -> set[str]:
    """The attributes of an object that were set, or that lead to what was changed."""
    inner = {id(each.owner) for each in changes if each.owner is not builder}
    own = [each for each in changes if each.owner is builder and each.attributes]
    found = {str(entry[0]) for each in own for _, entry in (*each.added, *each.removed)}
    found |= {str(key) for each in own for key, *_ in each.replaced}
    for name, value in (state_of(builder) or {}).items():
        if inner and gc.is_tracked(value) and not is_a(value, _NOT_INSIDE) and reaches(value, inner):
            found.add(name)
    return found


def _uses(builder: Any, chain: Chain, attributes: set[str]) -> bool:
    """Whether reading a chain that begins with the object uses one of its attributes."""
    if len(chain) == 1 or chain[1] in attributes:
        return True
    seen: set[str] = set()
    waiting = [chain[1]]
    while waiting:
        name = waiting.pop()
        member = inspect.getattr_static(builder, name, None)
        functions = [each for each in inner_functions(member) if is_a(each, FunctionType)]
        if member is not None and not functions and callable(member):
            return True  # not to be looked into
        for function in functions:
            used = set(names_in(function.__code__))
            if not used.isdisjoint(attributes):
                return True
            waiting += [each for each in used - seen if hasattr(type(builder), each)]
            seen |= used
    return False
