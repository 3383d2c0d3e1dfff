"""What a statement has left behind beside its names, and how that is removed before it runs again."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from types import CodeType, FunctionType
from typing import Any

from reloadls.reload.engine.adapting import Adapters
from reloadls.reload.engine.analysis.blocks import Block, lines_beside
from reloadls.reload.engine.analysis.diff import stands_alone
from reloadls.reload.engine.analysis.statements import Facts, Statement
from reloadls.reload.engine.objects.adopt import inner_functions
from reloadls.reload.engine.objects.changes import Change
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.objects.functions import Functions
from reloadls.reload.engine.program.effects import Effect
from reloadls.reload.engine.program.layers import give_way, move_key
from reloadls.reload.engine.program.modules import LoadedModule, Modules
from reloadls.reload.engine.program.mutations import undo_mutations, value_of
from reloadls.reload.engine.program.placing import later_changes, tell_equal_apart
from reloadls.reload.engine.program.registrations import Registrations
from reloadls.reload.engine.undo import Undo

from .former import Former
from .lost import Lost, lost_by
from .plan import definitions

__all__ = ["Traces"]

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Traces:
    """Takes back what statements of the program did to other things than their own names."""

    def __init__(
        self, modules: Modules, functions: Functions, registrations: Registrations, adapters: Adapters, undo: Undo
    ) -> None:
        self._modules = modules
        self._functions = functions
        self._registrations = registrations
        self._adapters = adapters
        self._undo = undo
        self.taken: list[Change] = []
        """What was taken back for the statement that runs next."""
        self.former = Former()
        """What they had put into containers and objects, as it was when it was taken back."""
        self.lost: list[Lost] = []
        """The same, one by one."""
        self.gave: dict[Facts, list[Change]] = {}
        """What each statement had changed before the commit."""
        self.at_end: list[Change] = []
        """What the statement that has run has put at the ends of containers, and was not moved to its place yet."""
        self.moving: set[int] = set()
        """The ids of what statements have changed that stand in another order now, and have not run in that."""
        self.lines_before: dict[Facts, int] = {}
        """Where the statements of edited modules were that are still there."""
        self.left: list[tuple[LoadedModule, Facts, str, Change | None]] = []
        """What could not be taken back, and of which statement."""

    def take_back(
        self, module: LoadedModule, statement: Statement, codes: Iterable[CodeType] = (), now: Facts | None = None
    ) -> None:
        """Undo all that is known of a statement, the last first.

        Args:
            module: whose it is.
            statement: as it was run.
            codes: of the functions that it has made.
            now: what it has become.
        """
        line = self.line_now(module, statement, now or statement.facts)
        for facts in {statement.facts, now or statement.facts}:
            effects = module.effects.pop(facts, [])
            self._remember(now or statement.facts, effects)
            for at, effect in reversed(list(enumerate(effects))):
                self._take_back(module, now or statement.facts, effect, line, effects[:at])
        known = module.knows_changes_of(statement.facts)
        if not known:
            self._registrations.restore_with(self._undo)
            undo_mutations(statement, module.namespace, self._registrations)
        self._drop_registrations(module, statement, codes, known=known)
        self._cancel_tasks(module, statement)

    def line_now(self, module: LoadedModule, statement: Statement, facts: Facts) -> int:
        """Where a statement is; where it would be, if it is gone."""
        for each in module.source.statements:
            if each.facts is facts:
                return each.first
        before = (
            each.first
            for each in module.source.statements
            if self.lines_before.get(each.facts, statement.first) < statement.first
        )
        return max(before, default=0)

    def _take_back(
        self, module: LoadedModule, facts: Facts, effect: Effect, line: int, above: Iterable[Effect]
    ) -> None:
        change = effect.change
        if change is not None:
            before = (each.change for each in above if each.change is not None)
            tell_equal_apart(self._modules, (module, Statement(facts, line)), change, before, self.at_end)
            later = later_changes(self._modules, module, line, change.owner)
            give_way(change, (each for each in later if id(each) not in self.moving), self._undo)
            self.former.add(self._modules, change)
            self.lost += lost_by(change)
        left = effect.take_back(self._undo)
        if effect.change is not None:
            self.taken.append(effect.change)
            for key, container in effect.change.left:
                parts = [each for holder, each in effect.change.within if holder is container]
                self._hand_on(effect.change.owner, key, container, parts or [container])
        if left:
            self.left.append((module, facts, left, effect.change))

    def _hand_on(self, owner: Any, key: Any, container: Any, parts: Sequence[Any]) -> None:
        """What a statement has made stays for the sake of others that put something in it: when they go, it goes."""
        for module in self._modules:
            for each in module.source.statements:
                effects = module.effects.get(each.facts, [])
                for effect in effects:
                    change = effect.change
                    if change is not None and any(change.owner is part for part in parts):
                        move_key(owner, key, later_changes(self._modules, module, each.first, owner), self._undo)
                        pair = (0, (key, container))
                        made = Change(owner, change.restore, added=[pair], inner=[(change.owner, [])], handed_on=True)
                        made.within = [] if change.owner is container else [(container, change.owner)]
                        effects.insert(effects.index(effect), Effect(change=made, line=effect.line))
                        return

    def _remember(self, facts: Facts, effects: Iterable[Effect]) -> None:
        self.gave.setdefault(facts, [each.change for each in effects if each.change is not None])

    def had_given(self, facts: Facts, change: Change) -> bool:
        """Whether a statement that runs again had put something in the same place when it first was taken back."""
        return any(change.is_in_place_of(each) for each in self.gave.get(facts, ()))

    def order_is_made_again(self, facts: Facts) -> None:
        """A statement that had put the entries of a container in order has done so again."""
        self.left = [each for each in self.left if each[1] is not facts or each[3] is None or not each[3].reordered]

    def take_back_parts(
        self, module: LoadedModule, statement: Statement, block: Block, codes: Iterable[CodeType], now: Facts
    ) -> None:
        """The same for the parts of a block that are run again or gone; what the others did stays.

        Args:
            module: whose it is.
            statement: the block as it was run.
            block: what is different in it.
            codes: of the functions that those statements have made.
            now: what the block has become.
        """
        effects = module.effects.pop(now, []) + module.effects.pop(statement.facts, [])
        self._remember(now, effects)
        replaced = block.replaced()
        beside = lines_beside(statement, replaced) if block.run else set()
        for effect in reversed(effects):
            if effect.line in beside or any(each.first <= effect.line <= each.last for each in replaced):
                above = effects[: effects.index(effect)]
                self._take_back(module, now, effect, self.line_now(module, statement, now), above)
                effects.remove(effect)
        for step in block.kept:
            if step.before is not None:
                self._move(effects, step.before, step.statement.first - step.before.first)
        module.effects[now] = effects
        known = module.knows_changes_of(statement.facts)
        if not known:
            self._registrations.restore_with(self._undo)
        for each in reversed(replaced):
            if not known:
                undo_mutations(each, module.namespace, self._registrations)
            self._drop_registrations(module, each, codes, known=known)
            self._cancel_tasks(module, each)

    def _move(self, effects: Iterable[Effect], statement: Statement, lines: int) -> None:
        for effect in effects if lines else ():
            if statement.first <= effect.line <= statement.last:
                self._undo.add(partial(setattr, effect, "line", effect.line))
                effect.line += lines

    def _cancel_tasks(self, module: LoadedModule, statement: Statement) -> None:
        tasks = sys.modules.get("asyncio.tasks")
        for name in statement.facts.uses.binds if tasks is not None and statement.facts.uses.value else ():
            value = module.namespace.get(name)
            if tasks is not None and is_a(value, tasks.Task):
                self._undo.at_the_end(partial(_cancel, value))

    def dispose_of(self, module: LoadedModule, names: set[str]) -> Iterable[Statement]:
        """Call what the user gave to end any of these names. Returns the statements that have to run again for it."""
        for statement in module.source.statements:
            found = [each for each in module.effects.get(statement.facts, ()) if not each.names.isdisjoint(names)]
            if not found:
                continue
            ended = set().union(*(each.names for each in found))
            for effect in found:
                module.effects[statement.facts].remove(effect)
                effect.take_back(self._undo)
            yield statement
            yield from (each for each in module.source.statements if _makes_data(each, ended))

    def _drop_registrations(
        self, module: LoadedModule, statement: Statement, codes: Iterable[CodeType], *, known: bool
    ) -> None:
        nodes = [node for node in definitions(statement) if _may_register(node, statement)]
        made = [value for node in nodes if (value := self._made(module, statement, node, codes)) is not None]
        if not known:
            self._take_out(module, statement, nodes, made, codes)
        for each in made:
            self._adapters.forget(each, self._undo)

    def _take_out(
        self,
        module: LoadedModule,
        statement: Statement,
        nodes: Sequence[_Definition],
        made: Iterable[Any],
        codes: Iterable[CodeType],
    ) -> None:
        """Take what a statement defined out of the program's containers."""
        within = any(node not in statement.facts.nodes for node in nodes)
        functions = self._functions.of(codes, self._modules.spaces()) if within else []
        found = [inner for each in (*made, *functions) for inner in (each, *inner_functions(each))]
        names = {node.name for node in nodes}
        if found and not self._kept_elsewhere(module, statement, names):
            self._registrations.take_out(found)
        for node in nodes:
            starts = list(_registrars(node, module.namespace))
            if starts:
                self._registrations.take_out(found, starts, {node.name, f"{module.name}.{node.name}"})

    def _made(self, module: LoadedModule, statement: Statement, node: _Definition, codes: Iterable[CodeType]) -> Any:
        """What a definition made when it last ran, whatever its name means now."""
        others = [each for each in module.source.statements if node.name in each.facts.uses.binds]
        if len(others) < 2 or not stands_alone(statement):
            return module.namespace.get(node.name)
        found = self._functions.of(codes, self._modules.spaces())
        return next((each for each in found if each.__name__ == node.name), None)

    def _kept_elsewhere(self, module: LoadedModule, statement: Statement, names: set[str]) -> bool:
        """Whether another statement hands on one of the names, so that an entry may be that one's."""
        for each in self._modules:
            for other in each.source.statements if any(name in each.text for name in names) else ():
                if each is module and not names.isdisjoint(other.facts.uses.binds):
                    continue  # it is what this statement has become
                if each is not module and not _imports_one(other, names):
                    continue
                uses = other.facts.uses
                if any(not names.isdisjoint(reads.kept) for reads in (uses.now, *uses.later.values())):
                    return True
        return False


def _cancel(task: Any) -> None:
    loop = task.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(task.cancel)


def _may_register(node: _Definition, statement: Statement) -> bool:
    if node not in statement.facts.nodes:
        return True  # a loop, or whatever else is around it, may hand it to anything
    return bool(node.decorator_list) or (isinstance(node, ast.ClassDef) and bool(node.bases or node.keywords))


def _registrars(node: _Definition, namespace: dict[str, Any]) -> Iterable[Any]:
    """The containers that the functions know which are called with what is defined."""
    for decorator in node.decorator_list:
        call = decorator.func if isinstance(decorator, ast.Call) else decorator
        yield from _known_to(value_of(call, namespace))
    if isinstance(node, ast.ClassDef):
        for base in node.bases:
            for each in getattr(value_of(base, namespace), "__mro__", ()):
                if "__init_subclass__" in vars(each) and each is not object:
                    yield from _known_to(vars(each)["__init_subclass__"])
                    yield from (value for value in vars(each).values() if is_a(value, (list, dict, set)))


def _known_to(function: Any) -> Iterable[Any]:
    for inner in inner_functions(function):
        assert is_a(inner, FunctionType)
        for name in inner.__code__.co_names:
            value = inner.__globals__.get(name)
            if is_a(value, (list, dict, set)):
                yield value


def _makes_data(statement: Statement, names: set[str]) -> bool:
    """Whether a statement binds one of the names, and that to no function, class or module."""
    return statement.facts.uses.value and not statement.facts.uses.binds.isdisjoint(names)


def _imports_one(statement: Statement, names: set[str]) -> bool:
    return not statement.facts.uses.binds.isdisjoint(names) or not statement.facts.uses.now.kept.isdisjoint(names)
