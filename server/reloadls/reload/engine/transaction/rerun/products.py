"""What was made of an object, and has no part of it: a change of the object does not reach it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from types import FunctionType, ModuleType
from typing import Any

from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.objects.containers import CONTAINERS, is_a
from reloadls.reload.engine.objects.reach import reach
from reloadls.reload.engine.program.dependents import Origin, dependents
from reloadls.reload.engine.program.modules import LoadedModule, Modules

__all__ = ["made_of"]

_MOST = 2_000
"""How many objects are looked at; what leads to more is taken to lead to everything."""
_NO_BUILDER = (*CONTAINERS, type, FunctionType, ModuleType)


def made_of(modules: Modules, module: LoadedModule, statement: Statement, changed: Collection[int]) -> Iterator[Origin]:
    """The statements that made something of what a statement changed: `app = config.make()` after `config.add(...)`.

    What holds the object, or what was changed in it, has the change already, and is left alone.

    Args:
        modules: the program.
        module: that of the statement that has run.
        statement: the statement.
        changed: the ids of the objects that it has changed.
    """
    for name in {chain[0] for chain in statement.facts.uses.now.reads}:
        builder = module.namespace.get(name)
        if builder is None or is_a(builder, _NO_BUILDER) or not _leads_to(builder, changed):
            continue
        for other, each in dependents(modules, (module.name, name)):
            products = [other.namespace.get(bound) for bound in each.facts.uses.binds]
            if not any(_leads_to(product, {id(builder), *changed}) for product in products):
                yield other, each


def _leads_to(start: Any, ids: Collection[int]) -> bool:
    found = [id(each) for each in reach([start], frozenset(), most=_MOST)]
    return len(found) >= _MOST or not found or any(each in ids for each in found)
