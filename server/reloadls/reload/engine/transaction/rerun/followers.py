"""Have statements run again that have made something of what another has changed in place."""

from __future__ import annotations

import ast
from abc import ABCMeta
from functools import partial
from typing import Any

from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.objects.changes import Change
from reloadls.reload.engine.objects.containers import CONTAINERS, home_of, is_a
from reloadls.reload.engine.objects.values import is_plain
from reloadls.reload.engine.program.dependents import Key, Origin, dependents, dispatchers, value_at
from reloadls.reload.engine.program.modules import LoadedModule
from reloadls.reload.engine.program.placing import place
from reloadls.reload.engine.transaction.plan import grows_in_place
from reloadls.reload.engine.transaction.schedule import Schedule
from reloadls.reload.engine.transaction.transaction import Transaction

from .products import made_of
from .settings import changed_settings, follows, lookers, readers

__all__ = ["Followers"]


class Followers:
    """What follows a statement that has run."""

    def __init__(self, shared: Transaction, schedule: Schedule) -> None:
        self._shared = shared
        self._schedule = schedule
        self._loaded: set[LoadedModule] = set()
        """The modules that were loaded in this commit."""

    def mutated(self, module: LoadedModule, statement: Statement, before: Statement | None = None) -> None:
        """A statement, which was another `before`, has changed things in place: what was computed from them follows."""
        for stage in (statement, *([before] if before is not None and before.facts is not statement.facts else [])):
            for key in dispatchers(module, stage):
                self._schedule.emit(key, body=True)
                self._shared.classes_changed = True  # and what single dispatch remembers of them
        self._add_loaded()
        changes = [*self._shared.given, *self._shared.traces.taken]
        owners = {id(each.owner): each.owner for each in changes if is_a(each.owner, CONTAINERS)}
        again = [each for each in self._shared.traces.taken if self._has_it_again(each)]
        as_before = {id(each.owner) for each in again}
        same = {
            id(each.owner) for each in again if all(is_plain(value) for _, value in each.given())
        }  # nothing is another
        owners = {key: owner for key, owner in owners.items() if key not in same}
        for other in self._shared.modules if owners else ():
            for each, held in list(other.namespace.items()):
                if id(held) in owners:
                    self._push_readers(module, statement, (other.name, each), only_plain=id(held) in as_before)
                    self._push_lookers((module, statement), (other.name, each), held)
                elif is_a(held, type) and home_of(held) == other.name:
                    own = type.__getattribute__(held, "__dict__")
                    for attribute in [attribute for attribute, value in own.items() if id(value) in owners]:
                        key = (other.name, f"{held.__qualname__}.{attribute}")
                        self._push_readers(module, statement, key)
                        self._push_lookers((module, statement), key, own[attribute])
        for other, maker in made_of(self._shared.modules, module, statement, changes):
            self._push_maker(module, statement, other, maker)
        self._settings_changed(module, statement)
        for node in statement.facts.nodes:
            if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
                continue
            name = _owner(node.value.func)
            value = module.namespace.get(name) if name else None
            read = any(each.path for each in module.effects.get(statement.facts, ()))
            register = isinstance(node.value.func, ast.Attribute) and node.value.func.attr == "register"
            if name and (
                is_a(value, (list, dict, set))
                or (register and is_a(value, ABCMeta))
                or (read and hasattr(value, "__dict__"))
            ):
                self._push_readers(module, statement, (module.name, name))

        for grown in self._shared.adapters.grown():
            self._push_takers(statement, grown)

    def _add_loaded(self) -> None:
        """What modules did that the statement has loaded counts as done by it."""
        new = [each for each in self._shared.modules if each not in self._shared.before and each not in self._loaded]
        self._loaded.update(new)
        for module in new:
            for statement in module.source.statements:
                changes = [effect.change for effect in module.effects.get(statement.facts, ()) if effect.change]
                place(self._shared.modules, (module, statement), changes, [], self._shared.undo)
                self._shared.given = [*self._shared.given, *changes]
            for value in list(module.namespace.values()):
                if is_a(value, type) and home_of(value) == module.name:
                    self._schedule.subclasses_changed(value)

    def _settings_changed(self, module: LoadedModule, statement: Statement) -> None:
        """What is below a statement follows other modules' names, and attributes, that it has set."""
        shared, by = self._shared, (module, statement)
        for key, owner, name in list(changed_settings(shared.given, shared.traces.taken)):
            self._schedule.emit(key, only=partial(follows, by, owner, name))
        for (other, each), key in list(readers(shared.modules, by, shared.given, shared.traces.taken)):
            self._schedule.emit(key, only=partial(_is_statement, each))  # of a class or block, a part may read it
            self._schedule.push(other, each, by_name=True)

    def _has_it_again(self, taken: Change) -> bool:
        """Whether a dictionary has the very entries again that were taken out of it, at their places."""
        alike = [each for each in (*self._shared.given, *self._shared.traces.taken) if each.owner is taken.owner]
        if not is_a(taken.owner, dict) or len(alike) != 2 or any(each.removed or each.replaced for each in alike):
            return False
        keys, keys_now = ([(place, entry[0]) for place, entry in each.added] for each in alike)
        if keys != keys_now:
            return False
        now = self._shared.registrations.stands_for
        return all(now(dict.get(taken.owner, entry[0])) is entry[1] for _, entry in taken.added)

    def _push_takers(self, statement: Statement, value: Any) -> None:
        """Have the statements run again that hand on what a library's object holds."""
        modules = self._shared.modules
        for other in modules:
            for name in [name for name, held in list(other.namespace.items()) if held is value]:
                for taker, each in dependents(modules, (other.name, name)):
                    handed = any(value_at(taker, chain) is value for chain in each.facts.uses.now.handed)
                    if handed and each.facts is not statement.facts and each is not taker.running():
                        self._schedule.push(taker, each)

    def _push_readers(self, module: LoadedModule, statement: Statement, key: Key, *, only_plain: bool = False) -> None:
        """Have those run again that read a container; where it has what it had, what they made may have state."""
        for other, each in dependents(self._shared.modules, key):
            if not only_plain or all(map(other.is_as_made, each.facts.uses.binds)):
                self._push_maker(module, statement, other, each)

    def _push_lookers(self, by: Origin, key: Key, container: Any) -> None:
        """Have classes, definitions, conditions, loops and calls follow that look into a container."""
        shared = self._shared
        for other, each in lookers(shared.modules, by, key, container, (shared.given, shared.traces.taken)):
            self._schedule.emit(key, only=partial(_is_statement, each))  # of a class or block, a part may read it
            self._schedule.push(other, each, by_name=True)

    def _push_maker(self, module: LoadedModule, statement: Statement, other: LoadedModule, each: Statement) -> None:
        """Have a statement run again that makes a value, if it comes after one that has run."""
        later = other is not module or each.first >= statement.first
        later = later and each.facts is not statement.facts
        made = each.facts.uses.value and each.facts.uses.binds and not grows_in_place(each, other.namespace)
        if later and made and not self._schedule.runs[each.facts]:
            self._schedule.push(other, each)


def _is_statement(statement: Statement, _: LoadedModule, other: Statement) -> bool:
    return other.facts is statement.facts


def _owner(node: ast.expr) -> str | None:
    """`config` of `config.parser.read`."""
    if not isinstance(node, ast.Attribute):
        return None
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None
