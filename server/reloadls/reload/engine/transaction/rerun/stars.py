"""Names that a star import binds or no longer binds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.objects.containers import CONTAINERS, is_a
from reloadls.reload.engine.objects.values import same_value
from reloadls.reload.engine.program.imports.stars import names_by_star, starred
from reloadls.reload.engine.program.modules import LoadedModule
from reloadls.reload.engine.transaction.schedule import Schedule
from reloadls.reload.engine.transaction.transaction import Transaction
from reloadls.reload.engine.undo import MISSING

__all__ = ["Stars"]


class Stars:
    """The star imports of the program."""

    def __init__(self, shared: Transaction, schedule: Schedule) -> None:
        self._shared = shared
        self._schedule = schedule

    def bound(self, module: LoadedModule, statement: Statement, before: dict[str, Any]) -> None:
        """A star import has run: `before` are the names of its module from before."""
        self._keep_own(module, statement, before)
        below = [each for each in module.source.statements if each.first > statement.first]
        built_on = {name for each in below for name in each.facts.uses.binds - _given_by(each)}
        for name, value in list(module.namespace.items()):
            built = name in built_on and not is_a(value, CONTAINERS)  # and is no longer, whatever it is equal to
            if built or not same_value(before.get(name, MISSING), value):
                self._schedule.emit((module.name, name))
                self._shared.add_changed(module, [name])
        given = names_by_star(self._shared.modules, module, statement)
        own = {name for each in module.source.statements for name in _given_by(each)}
        brought = self.brought(module, statement) - given
        gone = brought | (self._gone(module, statement) - given)
        for each in module.source.statements if gone else ():
            if each.facts.uses.star and each is not statement:
                others = gone & set(names_by_star(self._shared.modules, module, each))
                if others:
                    self._schedule.push(module, each)
                    gone -= others
        self.push_above(module, statement, brought & own)
        for name in sorted(gone - own):
            self._schedule.unbind(module, name)

    def push_below(self, module: LoadedModule, statement: Statement) -> None:
        """Have star imports run again that bring what a statement above them has bound."""
        stars = (each for each in module.source.statements if each.facts.uses.star and each.first > statement.first)
        for each in stars:
            if not statement.facts.uses.binds.isdisjoint(names_by_star(self._shared.modules, module, each)):
                self._schedule.run_whole(module, each)

    def push_above(self, module: LoadedModule, statement: Statement, brought: set[str]) -> None:
        """A star import is gone: what statements above it have bound counts again."""
        for each in module.source.statements:
            names = each.facts.uses.binds & brought
            if each.first <= statement.first and names:
                for name in names if each.facts.is_definition else ():
                    if getattr(module.namespace.get(name), "__module__", module.name) != module.name:
                        self._shared.undo.set_item(module.namespace, name, MISSING)  # it is not what that has made
                self._schedule.push(module, each)

    def _keep_own(self, module: LoadedModule, statement: Statement, before: dict[str, Any]) -> None:
        """What later statements have bound counts, whatever a star import before them brings."""
        below = [each for each in module.source.statements if each.first > statement.first]
        later = {name for each in below for name in _given_by(each)}
        for each in below:
            if each.facts.uses.star:
                later.update(names_by_star(self._shared.modules, module, each))
        for name in later & before.keys():
            if module.namespace.get(name, MISSING) is not before[name]:
                module.namespace[name] = before[name]

    def _sources(self, module: LoadedModule, statement: Statement) -> Iterator[LoadedModule]:
        """The modules that a star import takes from, also those that are gone."""
        known = {each.name: each for each in (*self._shared.before, *self._shared.modules)}
        return (known[name] for name in starred(module, statement) if name in known)

    def brought(self, module: LoadedModule, statement: Statement) -> set[str]:
        """Names that a star import has brought."""
        found: set[str] = set()
        here = module.namespace
        for source in self._sources(module, statement):
            was = self._shared.before.get(source, source.namespace)
            found |= {each for each in here if not each.startswith("__") and each in was and here[each] is was[each]}
        return found

    def _gone(self, module: LoadedModule, statement: Statement) -> set[str]:
        """Names that a star import brought: what was made of them here may not be made any more."""
        found: set[str] = set()
        for source in self._sources(module, statement):
            was = self._shared.before.get(source, source.namespace)
            has = source.namespace if self._shared.modules.named(source.name) is source else {}
            found |= {each for each in was if each not in has and not each.startswith("_")}
        return found

    def still_brought(self, module: LoadedModule, statement: Statement) -> set[str]:
        """Names that mean what a star import brings, whichever statement has bound them."""
        if not statement.facts.uses.star:
            return set()
        return self.brought(module, statement) & set(names_by_star(self._shared.modules, module, statement))


def _given_by(statement: Statement) -> set[str]:
    """The names that a statement gives a value of its own, whatever they meant before."""
    uses, [node, *_] = statement.facts.uses, statement.facts.nodes
    if isinstance(node, (ast.For, ast.AsyncFor, ast.With, ast.AsyncWith)):
        return uses.binds  # they read what they have bound
    return set() if any(chain[0] in uses.binds for chain in uses.now.reads) else uses.binds
