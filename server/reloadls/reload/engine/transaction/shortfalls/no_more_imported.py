"""Modules that an edit has left without an import, although what they did to others when they were loaded stays."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.objects.reach import reach
from reloadls.reload.engine.program.dependents import imported_from
from reloadls.reload.engine.program.modules import LoadedModule, Modules
from reloadls.reload.engine.transaction.plan import ModulePlan

__all__ = ["left_without_import"]

_MOST = 2_000
"""How many objects of a module are looked at."""


def left_without_import(
    modules: Modules, plans: Iterable[ModulePlan]
) -> Iterator[tuple[LoadedModule, int, LoadedModule]]:
    """The modules that nothing imports any more and that have done something to others.

    A module whose name stands anywhere else in the program may still be imported there.

    Yields:
        The module that has imported it, the line of that, and the module.
    """
    for plan in plans:
        gone = {
            name: each.first
            for each in _no_more_there(plan)
            if each.facts.imports
            for name in _imported(plan.module, each)
        }
        for name, line in gone.items():
            module = modules.named(name)
            if module is not None and module is not plan.module and _acted(module) and not _is_named(modules, module):
                yield plan.module, line, module


def _no_more_there(plan: ModulePlan) -> Iterator[Statement]:
    yield from plan.difference.removed
    for each in plan.difference.steps:
        if each.before is not None and each.before.facts is not each.statement.facts:
            yield each.before


def _imported(module: LoadedModule, statement: Statement) -> Iterator[str]:
    for node in statement.facts.imports:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            source = imported_from(module, node)
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)


def _acted(module: LoadedModule) -> bool:
    """Whether a module has changed anything but what it has made itself."""
    statements = [each for each in module.source.statements if not each.facts.imports]
    effects = [effect for each in statements for effect in module.effects.get(each.facts, ())]
    names = {name for each in statements for name in each.facts.uses.binds}
    values = [module.namespace[name] for name in names if name in module.namespace] if effects else []
    own = {id(module.module), *map(id, reach(values, frozenset({module.name}), most=_MOST))}
    return any(each.undo or (each.change and id(each.change.owner) not in own) for each in effects)


def _is_named(modules: Modules, module: LoadedModule) -> bool:
    last = module.name.rpartition(".")[2]
    others = (each for each in modules if each is not module)
    return any(last in each.facts.words for other in others for each in other.mentioning(frozenset([last])))
