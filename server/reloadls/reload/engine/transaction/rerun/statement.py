"""Run a statement again in a commit, and keep the identity of what it binds."""

from __future__ import annotations

import ast
import gc
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from inspect import getmro
from sys import getrefcount
from types import CodeType, FunctionType
from typing import Any

from reloadls.reload.engine.analysis.blocks import (
    Block,
    annotation_only,
    block_of_changes,
    condition_of,
    names_of_items,
    parts_of,
)
from reloadls.reload.engine.analysis.bytecode import stored_in
from reloadls.reload.engine.analysis.codes import all_codes, function_codes, inner_codes, same_but_lines
from reloadls.reload.engine.analysis.diff import Difference, Step, Way, stands_alone
from reloadls.reload.engine.analysis.shapes import calls_alike, dump
from reloadls.reload.engine.analysis.statements import Facts, Statement, body_of
from reloadls.reload.engine.objects.adopt import adopt_function, inner_functions
from reloadls.reload.engine.objects.classes import (
    HOOKS,
    CantBeLive,
    adopt_class,
    changed_body,
    hooks_of,
    kept_names,
    leave_bases,
    other_names,
)
from reloadls.reload.engine.objects.containers import home_of, is_a
from reloadls.reload.engine.objects.enums import is_enum, other_members, values_of_members
from reloadls.reload.engine.objects.instances import field_names, fill_new_fields, take_over
from reloadls.reload.engine.objects.running import function_with
from reloadls.reload.engine.objects.values import copy_of, is_made_again, same_calls, same_settings, same_value
from reloadls.reload.engine.program.dependents import depends
from reloadls.reload.engine.program.effects import Effect
from reloadls.reload.engine.program.layers import slip_under
from reloadls.reload.engine.program.modules import LoadedModule
from reloadls.reload.engine.program.placing import chooses_places, later_changes, place
from reloadls.reload.engine.transaction.class_body import ClassBodies, class_of, is_class, is_imported_below
from reloadls.reload.engine.transaction.lost import hidden_by
from reloadls.reload.engine.transaction.plan import codes_within, definitions, grows_in_place
from reloadls.reload.engine.transaction.schedule import Schedule
from reloadls.reload.engine.transaction.shortfalls.unseen import waits_for_lock
from reloadls.reload.engine.transaction.transaction import Transaction
from reloadls.reload.engine.undo import MISSING

from .attributes import functions_of, is_plain, keep_attributes, using_attributes
from .followers import Followers
from .hiding import later_hidden, names_in_order
from .kept_entries import KeptEntries
from .later import LaterStatements
from .merged import ONE_HOLDER, keep_in_class, keep_merged
from .moved import names_as_before, names_that_stay
from .moved_classes import MovedClasses
from .stars import Stars

__all__ = ["Rerun"]


@dataclass(frozen=True, eq=False)
class _Ran:
    """A statement that has run."""

    module: LoadedModule
    step: Step
    difference: Difference | None
    """Of its body, if it is a class."""
    codes: set[int]
    """The ids of the code objects that it has made."""

    @property
    def edited(self) -> bool:
        """Its text is another."""
        return self.step.before is None or self.step.before.facts is not self.step.statement.facts

    @property
    def is_called_alike(self) -> bool:
        """It is a function that does the same as before when it is called."""
        if self.step.before is None:
            return False
        nodes = [*self.step.before.facts.nodes, *self.step.statement.facts.nodes]
        return len(nodes) == 2 and calls_alike(nodes[0], nodes[1])

    def is_same_function(self, name: str, old: Any, new: Any) -> bool:
        """Whether two functions that the statement has made do the same when they are called."""
        several = [node.name for node in definitions(self.step.statement)].count(name) > 1
        return same_calls(old, new) and (not several or same_but_lines(old.__code__, new.__code__))

    def is_instance(self, value: Any) -> bool:
        """It is a class decorated as before, and a value is an instance of that."""
        if self.step.before is None or not is_class(self.step.before) or not is_class(self.step.statement):
            return False
        [one, other] = (each.facts.nodes[0] for each in (self.step.before, self.step.statement))
        assert isinstance(one, ast.ClassDef)
        assert isinstance(other, ast.ClassDef)
        made = (home_of(type(value)), type(value).__qualname__) == (self.module.name, other.name)
        return made and dump(one.decorator_list) == dump(other.decorator_list)

    @cached_property
    def defined(self) -> set[str]:
        """The names of its functions and classes."""
        return {node.name for node in definitions(self.step.statement)}


class Rerun:
    """Runs statements."""

    def __init__(self, shared: Transaction, schedule: Schedule, stars: Stars) -> None:
        self._shared = shared
        self._schedule = schedule
        self._stars = stars
        self._classes = ClassBodies(shared, schedule)
        self._moved_classes = MovedClasses(shared, self._classes)
        self.later = LaterStatements(shared, schedule)
        self.followers = Followers(shared, schedule)
        self._replaced: list[tuple[_Ran, str, type]] = []
        self._parts_run: dict[Facts, set[str]] = {}
        """What was run in a block in this commit, by its meaning."""
        self._copies: dict[str, Any] = {}
        """What names of the module meant as they were made, before the statement that runs made them anew."""
        self._step = Step(Way.KEEP, _NOTHING, _NOTHING)
        """What is to be run."""
        self._made: dict[Facts, Any] = {}
        """What statements have made in this commit whose name others bind, too."""

    def run(self, module: LoadedModule, step: Step) -> None:
        """Run a statement; raises what it raises."""
        cls = class_of(module, step) if is_class(step.statement) else None
        given = {name: dict(vars(each)) for name, each in functions_of(cls).items()}
        self._run(module, step)
        class_name = getattr(step.statement.facts.nodes[0], "name", "")
        for name, kept in functions_of(cls).items() if any(given.values()) else ():
            self._give_back(f"{class_name}.{name}", given.get(name, {}), kept, all_stay=False)

    def _run(self, module: LoadedModule, step: Step) -> None:
        self._shared.save(module)
        self._step = step
        self._copies = dict(module.copies)
        self._shared.traces.taken = []
        self._check_has_not_forked(module, step)
        self._check_is_the_only_class(module, step)
        if waits_for_lock(module, step.statement):
            raise CantBeLive(f"line {step.statement.first} waits for a lock that is held")
        triggered = step.before is not None and step.before.facts is step.statement.facts
        if step.statement.facts in self._schedule.whole:
            self._run_whole(module, step)
            return
        if step.way is Way.ANNOTATE or (triggered and self._differs_in_type_only(module, step)):
            self._execute(module, annotation_only(step.statement), step.statement)
            self._shared.add_changed(module, sorted(step.statement.facts.uses.binds))
            return
        in_parts = step.way is Way.BLOCK or self._schedule.may_run_in_parts(step)
        if in_parts and self._run_block(module, step):
            return
        if step.way is not Way.CLASS and not (triggered and is_class(step.statement)):
            self._run_whole(module, step)
            return
        difference, enough = self._classes.difference(module, step)
        if (cls := class_of(module, step)) is not None:
            self.later.take_patches_back(module, step.statement, cls, _names_of_class(cls, difference))
        if enough:
            before = dict(vars(cls)) if is_a(cls, type) else {}
            self._classes.patch(module, step, difference)
            names = _made_anew(difference)
            keep_in_class(self._shared, (module, step.statement), names, cls, before=before, made=self._copies)
        else:
            self._run_whole(module, step, difference)

    def _differs_in_type_only(self, module: LoadedModule, step: Step) -> bool:
        """Whether a statement is due for nothing but what it says of a type."""
        statement, node = step.statement, step.statement.facts.nodes[0]
        if not isinstance(node, ast.AnnAssign) or node.value is None or not node.simple:
            return False
        if len(statement.facts.nodes) > 1 or not self._schedule.is_due_by_name(statement):
            return False
        value = Statement(Facts((ast.Expr(node.value),), statement.facts.text, statement.facts.line), statement.first)
        keys = (*self._schedule.keys, *self._schedule.bodies)
        return not any(depends(self._shared.modules, module, value, key) for key in keys)

    def _check_has_not_forked(self, module: LoadedModule, step: Step) -> None:
        facts = {step.statement.facts, *([] if step.before is None else [step.before.facts])}
        if any(effect.forks for each in facts for effect in module.effects.get(each, ())):
            raise CantBeLive(f"line {step.statement.first} has forked the process, which a reload does not do again")

    def _check_is_the_only_class(self, module: LoadedModule, step: Step) -> None:
        """Raise CantBeLive for a class whose name others have, too: only the last one can be found by its name."""
        if step.before is None or not is_class(step.statement):
            return
        plans = (plan for plan in self._shared.work.plans if plan.module is module)
        statements = [*module.source.statements, *(each for plan in plans for each in plan.difference.removed)]
        names = step.statement.facts.uses.binds
        if sum(is_class(each) and each.facts.uses.binds == names for each in statements) > 1:
            raise CantBeLive(f"line {step.statement.first} is one of several classes called {', '.join(names)}")

    def _run_whole(self, module: LoadedModule, step: Step, difference: Difference | None = None) -> None:
        statement = step.statement
        code = self._shared.code(module, statement)
        namespace = module.namespace
        self.later.take_patches_back(module, statement, module.module, statement.facts.uses.binds)
        unnamed = module.bound_by(statement.facts)
        before = (step.before.facts.uses.binds if step.before else set()) | unnamed
        binds = statement.facts.uses.binds
        old = {name: namespace.get(name, MISSING) for name in (*before, *binds)}
        shared_name = self._shared_name(module, statement)
        meant = namespace.get(shared_name, MISSING) if shared_name else MISSING
        if shared_name:
            old[shared_name] = self._made_before(module, step, shared_name)
        everything = dict(namespace) if statement.facts.uses.star else {}
        self._shared.forget_names(module, unnamed | self._bound_on_condition(module, statement))
        if step.before is not None:
            self._schedule.dispose(module, step.before)
            self._shared.add_unseen(module, step.before, statement)
            self.later.clear(module, statement, module.effects.get(statement.facts, ()))
            codes = (*self._shared.old_codes.get(step.before.facts, ()), *module.codes.get(statement.facts, ()))
            self._shared.traces.take_back(module, step.before, codes, statement.facts)
        self._shared.add_changed(module, [])
        module.codes[statement.facts] = inner_codes(code)
        self._exec(module, statement, code)
        self._keep_moved(module, step, (), old)
        ran = _Ran(module, step, difference, {id(each) for each in all_codes(inner_codes(code))})
        self._bound_all(ran, binds | module.bound_by(statement.facts), before, old)
        if shared_name:
            self._made[statement.facts] = namespace[shared_name]
            if meant is not MISSING and self._has_later(module, statement, shared_name):
                namespace[shared_name] = meant
            elif not same_value(meant, namespace[shared_name]):  # a decorator may give back something else now
                self._schedule.emit((module.name, shared_name))
        if statement.facts.uses.star:
            self._stars.bound(module, statement, everything)
        self._stars.push_below(module, statement)
        self.followers.mutated(module, statement, step.before)

    def _keep_moved(self, module: LoadedModule, step: Step, removed: Iterable[Statement], old: dict[str, Any]) -> None:
        """Put back the values of statements in a block that were not edited; `old` is what names meant before."""
        plans = (plan for plan in self._shared.work.plans if plan.module is module)
        removed = [*removed, *(each for plan in plans for each in plan.difference.removed)]
        keys = {*self._schedule.keys, *self._schedule.bodies}

        def affected(statement: Statement) -> bool:
            return any(depends(self._shared.modules, module, statement, key) for key in keys)

        for name in names_that_stay(step, removed, affected):
            value = self._shared.forgotten.get((module, name), old.get(name, MISSING))
            if value is MISSING:
                value = self._shared.before.get(module, {}).get(name, MISSING)
            if value is not MISSING and type(value) is type(module.namespace.get(name, MISSING)):
                module.namespace[name] = old[name] = value
        for name in names_as_before(step, removed, affected):
            value = old.get(name, MISSING)
            value = value if value is not MISSING else self._shared.before.get(module, {}).get(name, MISSING)
            if self._is_made_alike(module, name, value):
                module.namespace[name] = old[name] = value

    @staticmethod
    def _bound_on_condition(module: LoadedModule, statement: Statement) -> set[str]:
        """The names that a block may leave unbound, and that it alone binds."""
        [node, *others] = statement.facts.nodes
        if others or not isinstance(node, _MAY_NOT_BIND):
            return set()
        return {name for name in statement.facts.uses.binds if name in module.namespace and _binders(module, name) == 1}

    @staticmethod
    def _shared_name(module: LoadedModule, statement: Statement) -> str | None:
        """The name of a function that other statements give to functions of theirs, too."""
        if not stands_alone(statement):
            return None
        [name] = statement.facts.uses.binds
        return name if _binders(module, name) > 1 else None

    def _made_before(self, module: LoadedModule, step: Step, name: str) -> Any:
        """The function that a statement made when it last ran, whatever its name means now."""
        codes = [code for code in module.codes.get(step.statement.facts, ()) if code.co_name == name]
        if step.before is not None:
            codes += [code for code in self._shared.old_codes.get(step.before.facts, ()) if code.co_name == name]
        found = self._shared.functions.of(codes, self._shared.modules.spaces())
        ours = (each for each in found if any(each.__code__ is code for code in codes))
        return next(ours, MISSING)

    @staticmethod
    def _has_later(module: LoadedModule, statement: Statement, name: str) -> bool:
        return any(name in each.facts.uses.binds and each.first > statement.first for each in module.source.statements)

    def _exec(
        self, module: LoadedModule, statement: Statement, code: CodeType, *, part: Sequence[ast.stmt] | None = None
    ) -> None:
        self._check_names_are_its_own(module, statement)
        hiding = later_hidden(self._shared.modules, module, statement, self._shared.undo)
        names = names_in_order(module, statement, self._shared.undo)
        with self._shared_names_above(module, statement), names, hiding as hidden:
            self._shared.execute(module, statement, code, part=part)
        self._schedule.environment_may_differ()
        shared = self._shared
        slip_under(
            shared.given,
            lambda owner: later_changes(shared.modules, module, statement.first, owner),
            shared.undo,
            hidden,
        )
        given = [Effect(change=change) for change in shared.given]
        for change in shared.given:
            shared.traces.lost += hidden_by(change)
        chosen = chooses_places(module, statement, shared.traces.taken)
        if chosen:
            shared.traces.order_is_made_again(statement.facts)
        shared.traces.at_end = shared.given
        self.later.clear(module, statement, given, has_run=True, chosen=chosen)
        shared.traces.at_end = []
        moved = [change for change in shared.given if not (chosen and is_a(change.owner, list))]
        place(shared.modules, (module, statement), moved, shared.traces.taken, shared.undo)
        KeptEntries(shared, self._schedule, (module, statement), self._step).keep()

    @contextmanager
    def _shared_names_above(self, module: LoadedModule, statement: Statement) -> Iterator[None]:
        """Have names mean the functions that statements above it gave them, though ones below give them others."""
        uses, namespace = statement.facts.uses, module.namespace
        meant: dict[str, tuple[Any, Any]] = {}
        for name in {chain[0] for chain in uses.now.reads}:
            binders = [each for each in module.source.statements if name in each.facts.uses.binds]
            above = [each for each in binders if each.first < statement.first]
            if not above or above[-1] is binders[-1] or not stands_alone(above[-1]):
                continue
            value = self._made_by(module, above[-1], name)
            meant[name] = value, namespace.get(name, value)
        namespace.update({name: value for name, (value, _) in meant.items()})
        try:
            yield
        finally:
            others = {name: pair for name, pair in meant.items() if name not in uses.binds}
            namespace.update({name: before for name, (value, before) in others.items() if namespace.get(name) is value})

    def _made_by(self, module: LoadedModule, binder: Statement, name: str) -> Any:
        """What a statement made whose name means something else now. Raises CantBeLive where that can't be found."""
        if binder.facts in self._made:
            return self._made[binder.facts]
        value = self._made_before(module, Step(Way.KEEP, binder, binder), name)
        [node] = binder.facts.nodes
        if value is MISSING or getattr(node, "decorator_list", None):
            raise CantBeLive(f"line {binder.first} defines {name}, which is read below it and then defined anew")
        return value

    def _check_names_are_its_own(self, module: LoadedModule, statement: Statement) -> None:
        """Raise CantBeLive where a name that it reads has been given another value further below."""
        uses = statement.facts.uses
        for name in {chain[0] for chain in uses.now.reads} - uses.binds - {"_"}:
            binders = [each for each in module.source.statements if name in each.facts.uses.binds]
            before = [each for each in binders if each.first < statement.first]
            after = [each for each in binders if each.first > statement.first and _gives_value(each, name, module)]
            if not before or not after or stands_alone(before[-1]):  # see `_shared_names_above`
                continue
            if not self._schedule.runs[before[-1].facts]:
                raise CantBeLive(
                    f"line {statement.first} reads {name}, which line {after[0].first} has given another value since"
                )

    def _execute(self, module: LoadedModule, nodes: Sequence[ast.stmt], statement: Statement) -> tuple[CodeType, ...]:
        """Run a part of a statement; the code objects that it made."""
        if not nodes:
            return ()
        statement.facts.place(statement.first)
        nodes = tuple(ast.fix_missing_locations(node) for node in nodes)
        facts = Facts(nodes, statement.facts.text, statement.first)
        code = facts.compile(module.path, module.source.flags, module.source.imported())
        self._exec(module, statement, code, part=nodes)
        return inner_codes(code)

    def _bound_all(self, ran: _Ran, binds: set[str], before: set[str], old: Mapping[str, Any]) -> None:
        module = ran.module
        for name in sorted(binds):
            # What runs with an object would go on with the old one.
            anew = ran.edited and (name not in self._copies or function_with(old.get(name)) is None)
            if name in module.namespace and (anew or not self._keep_merged(ran, name, old)):
                self._bound(ran, name, old.get(name, MISSING))
        unbound = {name for name in binds if name not in module.namespace and _binders(module, name) == 1}
        for name in sorted((before - binds) | unbound):
            if name in unbound or not _binders(module, name):
                if old.get(name, MISSING) is not MISSING:
                    module.namespace.setdefault(name, old[name])
                self._schedule.unbind(module, name)

    def _run_block(self, module: LoadedModule, step: Step) -> bool:
        """Run what changed in a block; False if all of it has to run."""
        assert step.before is not None
        if step.before.facts in module.handled or step.statement.facts.uses.star:
            return False  # what its statements do now need not come to an exception, or to the same
        shared, keys = self._shared, {*self._schedule.keys, *self._schedule.bodies}
        have_run = self._parts_run.get(step.statement.facts)
        done: set[str] = set() if have_run is None else have_run

        def affected(statement: Statement) -> bool:
            if statement.facts.key in done:
                return False
            return any(depends(shared.modules, module, statement, key) for key in keys)

        functions = {name: reads for each in module.source.statements for name, reads in each.facts.uses.later.items()}
        if have_run is None and affected(condition_of(step.statement)):
            return False
        block = block_of_changes(step.before, step.statement, affected, functions)
        if block.run and (again := self._acts_within(module, step)):  # on what the items of a `with` give anew
            acts = partial(_is_one_of, again)
            block = block_of_changes(step.before, step.statement, lambda each: affected(each) or acts(each), functions)
        if _decides_on_else(step.statement, [each.statement for each in block.run]):
            return False
        if _decides_on_else(step.before, block.replaced()):
            return False
        if step.before.facts is step.statement.facts and not block.run:
            return have_run is not None
        self._schedule.in_parts.add(step.statement.facts)
        self._parts_run[step.statement.facts] = done | {each.statement.facts.key for each in block.run}
        old_codes = shared.old_codes.get(step.before.facts, ()) or module.codes.get(step.statement.facts, ())
        codes = [each for part in block.replaced() for each in codes_within(old_codes, part, step.before.first)]
        unnamed = module.bound_by(step.statement.facts, *block.replaced())
        for part in block.replaced():
            shared.add_unseen(module, part, step.statement)
        shared.traces.take_back_parts(module, step.before, block, codes, step.statement.facts)
        shared.add_changed(module, [])
        kept = module.codes[step.statement.facts]
        lines = {line for each in block.run for line in range(each.statement.first, each.statement.last + 1)}
        kept = tuple(
            code for code in function_codes(kept) if code.co_firstlineno - step.statement.first + 1 not in lines
        )
        maybe = (self._bound_on_condition(module, each.statement) for each in block.run)
        shared.forget_names(module, unnamed.union(*maybe))
        bound = block.bound() | unnamed
        module.codes[step.statement.facts] = kept
        for phase in block.phases() or [[]]:
            self._run_phase(_Ran(module, step, None, set()), block, phase, bound)
        return True

    def _acts_within(self, module: LoadedModule, step: Step) -> set[str]:
        """The texts of what a `with` has done something in; if its items have names, that was done to those objects."""
        assert step.before is not None
        if not names_of_items(step.before.facts.nodes[0]):
            return set()
        facts = (step.before.facts, step.statement.facts)
        effects = [effect for each in facts for effect in module.effects.get(each, ()) if effect.change is not None]
        return {
            part.facts.key
            for part in parts_of(step.before)
            if any(part.first <= effect.line <= part.last for effect in effects)
        }

    def _run_phase(self, ran: _Ran, block: Block, phase: Sequence[Step], bound: set[str]) -> None:
        """Run some statements of a block.

        Args:
            ran: the block.
            block: what is different in it.
            phase: the statements.
            bound: the names that those before them had bound; those that are done with are removed.
        """
        module, statement = ran.module, ran.step.statement
        last = not phase or phase[-1] is block.run[-1]
        binds = {name for each in phase for name in each.statement.facts.uses.binds}
        before = set(bound) if last else bound & binds
        bound -= before
        old = {name: module.namespace.get(name, MISSING) for name in (*binds, *before)}
        items = {name: module.namespace.get(name, MISSING) for name in names_of_items(block.after)}
        known = module.bound_by(statement.facts)
        node = block.node(phase, annotate=last)
        made = self._execute(module, [node] if node is not None else [], statement)
        for name, value in items.items():
            if value is not MISSING and not same_value(value, module.namespace.get(name, MISSING)):
                self._shared.held.add(module, statement.first, name, value)
        for step in phase:
            self._keep_moved(module, step, block.removed, old)
        binds |= module.bound_by(statement.facts) - known
        module.codes[statement.facts] = (*module.codes[statement.facts], *made)
        ran = replace(ran, codes={id(each) for each in all_codes(made)})
        if phase and phase[0].way is Way.CLASS and phase[0].before is not None:
            one, other = phase[0].before, phase[0].statement
            ran = replace(ran, step=Step(Way.CLASS, other, one), difference=changed_body(one, other))
        self._bound_all(ran, binds, before, old)
        self.followers.mutated(module, statement)

    def _bound(self, ran: _Ran, name: str, old: Any) -> None:
        """A statement has bound a name: keep the object that was there, where it can take over what the new one is."""
        module, shared = ran.module, self._shared
        new = module.namespace[name]
        if ran.edited and is_a(new, type) and self._moved_classes.kept(module, ran.step.statement, new) is not None:
            shared.add_changed(module, [name])
            return
        several = ran.step.before is None and _binders(module, name) > 1
        last = not self._shared_name(module, ran.step.statement) or not self._has_later(
            module, ran.step.statement, name
        )
        differs = not ran.is_called_alike if ran.edited else not ran.is_same_function(name, old, new)
        given = dict(vars(old)) if is_a(old, (FunctionType, type)) else {}
        values = values_of_members(old)
        kept = new if old is MISSING or old is new or several else self._kept(ran, name, old, new)
        if kept is not new:
            module.namespace[name] = kept
            shared.registrations.replace(new, kept)
            shared.adapters.replaced(new, kept, shared.undo)
        ours = is_a(new, FunctionType) and (name in ran.defined or id(new.__code__) in ran.codes)
        if ours and is_a(old, FunctionType) and is_a(kept, FunctionType) and not several:
            self._keep_attributes(ran, name, given, kept)
        if kept is old and is_a(kept, type) and name in ran.defined:
            self._keep_given(ran, name, given, kept)
            others = {*_other_attributes(given, kept), *other_members(values, kept)}
            names = sorted({*_names_of_class(kept, ran.difference), *others})
            if ran.edited or names:
                self._classes.changed(module, kept, names)
                self._classes.push_made_from(kept)
        elif kept is old and is_a(kept, FunctionType):
            if differs:
                self._schedule.emit((module.name, name), body=True)
            if differs or ran.edited:
                self._schedule.emit((module.name, f"{name}.@"))
                shared.add_changed(module, [name])
        elif ran.edited or not same_value(old, kept):
            shared.add_changed(module, [name])
            given_back = name in ran.defined and self._is_anothers(ran, old)
            if kept is not old and old is not MISSING and last and not given_back:
                shared.held.add(module, ran.step.statement.first, name, old)
            if is_a(kept, type) and name in ran.defined:
                self._schedule.subclasses_changed(kept)
            if last and not same_value(old, kept):
                self._schedule.emit((module.name, name))
                self._schedule.emit((module.name, name), body=True)

    def _keep_merged(self, ran: _Ran, name: str, old: Mapping[str, Any]) -> bool:
        """Keep a container that the program has changed, with what it is made of now; False if that can't be."""
        before, made = old.get(name, MISSING), self._copies.get(name)
        if before is MISSING:
            return False
        every = (each.facts for each in ran.module.source.statements if each.facts is not ran.step.statement.facts)
        others = [facts.uses for facts in every if name in facts.uses.binds]
        if others and any(name == chain[0] for uses in others for chain in uses.now.reads):
            return False  # it is made in steps
        if others:
            alike = self._is_made_alike(ran.module, name, before)
            ran.module.namespace[name] = before if alike else ran.module.namespace[name]
            return alike
        origin = (ran.module, ran.step.statement)
        if made is None:
            KeptEntries(self._shared, self._schedule, origin, ran.step).keep_in(before, ran.module.namespace[name])
            return False
        return keep_merged(self._shared, self._schedule, origin, name, old=before, made=made)

    def _is_made_alike(self, module: LoadedModule, name: str, value: Any) -> bool:
        """Whether what a name means was made anew just as a value had been, and nothing else holds it."""
        made = self._copies.get(name)
        if made is None or value is MISSING or getrefcount(module.namespace.get(name)) > ONE_HOLDER:
            return False
        new = module.namespace.get(name)
        return type(new) is type(value) and is_made_again(new, value, made, self._shared.modules.owns)

    def _keep_attributes(self, ran: _Ran, name: str, given: Mapping[str, Any], kept: FunctionType) -> None:
        modules, statement = self._shared.modules, ran.step.statement
        self._give_back(name, given, kept, all_stay=is_plain(ran.step.before))
        for other, each in using_attributes(modules, given, kept):
            later = other is not ran.module or each.first > statement.first
            if later and each is not other.running() and not self._schedule.runs[each.facts]:
                self._schedule.push(other, each)

    def _give_back(self, name: str, given: Mapping[str, Any], kept: FunctionType, *, all_stay: bool) -> None:
        modules, undo = self._shared.modules, self._shared.undo
        keep_attributes(modules, name, before=given, kept=kept, all_stay=all_stay, undo=undo, made=self._copies)

    def _keep_given(self, ran: _Ran, name: str, given: Mapping[str, Any], cls: type) -> None:
        """Keep the attributes that hooks and decorators have made again just as they had made them before."""
        modules, module, statement = self._shared.modules, ran.module, ran.step.statement
        ran_within = module.calls.get(statement.facts, ())
        homes = {home: modules.named(home) for home, _ in ran_within}
        codes = [
            code
            for home in homes.values()
            for each in (home.codes.values() if home is not None else ())
            for code in all_codes(each)
            if home is not None and (home.name, code.co_qualname) in ran_within
        ]
        stored = {each for code in codes for each in stored_in(code) | _texts(code)}
        bodies = (body_of(each) for each in (statement, ran.step.before) if each is not None and is_class(each))
        stored -= {each for body in bodies for part in body for each in part.facts.uses.binds}
        own = dict(vars(cls))
        for each in sorted(stored & given.keys() & own.keys()):
            made = self._copies.get(f"{name}.{each}", MISSING)
            if own[each] is given[each] or made is MISSING or module.copies.get(f"{name}.{each}") != made:
                continue
            if copy_of(own[each], modules.owns) is not MISSING and same_settings(own[each], given[each]):
                self._shared.undo.set_class_attribute(cls, each, given[each])

    def _is_anothers(self, ran: _Ran, value: Any) -> bool:
        """Whether another statement has made an object, so that it is not made anew: a decorator gave it back."""
        for module, space in self._shared.before.items():
            names = {name for name, held in space.items() if held is value}
            for each in module.source.statements if names else ():
                own = each.facts is ran.step.statement.facts
                if not own and not each.facts.imports and not names.isdisjoint(each.facts.uses.binds):
                    return True
        return False

    def _kept(self, ran: _Ran, name: str, old: Any, new: Any) -> Any:
        """Which object the name is to mean."""
        defined = name in ran.defined
        # What a star import gave the name to belongs to another module.
        foreign = getattr(old, "__module__", "") != getattr(new, "__module__", "")
        foreign = foreign and (ran.step.before is None or is_imported_below(ran.module, ran.step.statement, name))
        if is_a(old, FunctionType) and is_a(new, FunctionType):
            same_place = old.__globals__ is new.__globals__ and old.__name__ == new.__name__
            ours = (defined and not foreign) or (id(new.__code__) in ran.codes and same_place)
            return adopt_function(old, new, self._shared.undo) if ours else new
        if is_a(old, type) and is_a(new, type) and not defined:
            return self._kept_made_class(ran, name, old, new)
        if not defined or foreign:
            return new
        if is_a(old, type) and is_a(new, type):
            return self._kept_tuples(ran, name, old, new)
        if ran.is_instance(old) and ran.is_instance(new):  # its decorator has made one
            self._kept_class(ran, type(old), type(new))
            self._classes.changed(ran.module, type(old), _names_of_class(type(old), ran.difference))
            return old
        for one in inner_functions(old):
            for other in inner_functions(new):
                if one is not other and one.__code__.co_qualname == other.__code__.co_qualname:
                    adopt_function(one, other, self._shared.undo)
        return new

    def _kept_made_class(self, ran: _Ran, name: str, old: type, new: type) -> type:
        """The same for classes that a call made: `namedtuple(...)`, `Enum(...)`, `type(...)`."""
        nodes = ran.step.statement.facts.nodes
        calls = all(isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) for node in nodes)
        # Before Python 3.12, what `make_dataclass` makes says that it is of `types`.
        ours = all(each.__module__ in (ran.module.name, "types") for each in (old, new))
        edited = ran.edited or self._is_made_anew(old, new)
        if not (calls and ours and edited and old.__qualname__ == new.__qualname__ and type(old) is type(new)):
            return new
        return self._kept_tuples(ran, name, old, new)

    def _kept_tuples(self, ran: _Ran, name: str, old: type, new: type) -> type:
        """The same for any class: tuples that exist can't have other fields, so that those are of another class."""
        if not (issubclass(old, tuple) and issubclass(new, tuple)) or _fields(old) == _fields(new):
            return self._kept_class(ran, old, new)
        self._replaced.append((ran, name, old))
        return new

    def _is_made_anew(self, old: type, new: type) -> bool:
        """Whether a function made both, the new one just now."""
        spaces = self._shared.before.values()
        return "<locals>" in old.__qualname__ and not any(each is new for space in spaces for each in space.values())

    def note_tuples(self) -> None:
        """Note the tuples that are left of classes that have other fields now."""
        for ran, name, old in self._replaced:
            if any(type(each) is old for each in gc.get_referrers(old)):
                message = f"{name}: tuples that exist keep the fields that they were made with"
                line = ran.step.statement.first
                self._shared.notes.add("stillHeld", message, module=ran.module, line=line, name=name)

    def _kept_class(self, ran: _Ran, old: type, new: type) -> type:
        before = ran.step.before
        body = body_of(before) if before is not None and is_class(before) else ()
        made = {name for each in body for name in each.facts.uses.binds} | self._made_by_hooks(old)
        keep = kept_names(ran.difference) if ran.difference else ()
        others = other_names(ran.difference) if ran.difference else ()
        fields = field_names(old)
        nodes = ran.step.statement.facts.nodes
        is_alone = len(nodes) == 1 and isinstance(nodes[0], ast.ClassDef)
        decorated = any(each.decorator_list for each in nodes if isinstance(each, ast.ClassDef))
        is_held = decorated or not is_alone
        members = dict(getattr(new, "_member_map_", {})) if is_enum(new) else {}
        inner, undo = ran.difference, self._shared.undo
        doubles = functions_of(new) if self._shared.given else {}
        kept = adopt_class(old, new, undo, made=made, keep=keep, others=others, is_held=is_held, body=inner)
        for name, function in functions_of(kept).items() if doubles else ():
            if doubles.get(name, function) is not function:  # its decorator may have put it somewhere
                self._shared.registrations.replace(doubles[name], function)
        if not is_alone and members:  # what stands behind it in a block may have used them already
            self._keep_members(ran.module, kept, members)
        elif not is_alone:
            take_over(new, kept, self._shared.undo)
        fill_new_fields(kept, fields, self._shared.undo)
        self._shared.adapters.class_changed(kept, new, self._shared.undo)
        if not is_held:
            leave_bases(new)  # before anything lists the subclasses
        return kept

    def _keep_members(self, module: LoadedModule, kept: Any, doubles: Mapping[str, Any]) -> None:
        """Have the members of an enumeration stand where those of its double were put."""
        for name, double in doubles.items():
            member = kept._member_map_[name]
            self._shared.registrations.replace(double, member)
            for each in [each for each, value in module.namespace.items() if value is double]:
                module.namespace[each] = member

    def _made_by_hooks(self, cls: type) -> set[str]:
        """The attributes that the hooks of a class's bases may have set, when it was made."""
        kinds = [each for each in (*cls.__mro__, *getmro(type(cls))) if self._shared.modules.owns(home_of(each))]
        codes = [each.__code__ for kind in kinds for each in hooks_of(kind)]
        names = {kind.__qualname__ for kind in kinds}
        for known in self._shared.old_codes.values():
            for code in all_codes(known):
                outer, _, last = code.co_qualname.rpartition(".")
                if last in HOOKS and outer in names:
                    codes.append(code)
        found: set[str] = set()
        for code in codes:
            found |= stored_in(code) | _texts(code)
        return found


def _decides_on_else(block: Statement, parts: Iterable[Statement]) -> bool:
    """Whether these parts of a `try` decide whether its `else` runs."""
    node = block.facts.nodes[0]
    if not (isinstance(node, ast.Try) and node.orelse):
        return False
    last = (node.body[-1].end_lineno or 0) - node.lineno + 1
    return any(each.first <= last for each in parts)


def _is_one_of(keys: Collection[str], statement: Statement) -> bool:
    return statement.facts.key in keys


def _gives_value(statement: Statement, name: str, module: LoadedModule) -> bool:
    """Whether a statement may give a name another value when it runs: what it imports or defines is another matter."""
    if name not in statement.facts.uses.binds or grows_in_place(statement, module.namespace):
        return False
    if name in statement.facts.imported or any(each.name == name for each in definitions(statement)):
        return False
    [node, *others] = statement.facts.nodes
    return bool(others) or not isinstance(node, ast.AnnAssign) or node.value is not None


_NOTHING = Statement(Facts((), "", 1), 1)
_MAY_NOT_BIND = (ast.If, ast.Try, ast.TryStar, ast.With, ast.For, ast.While, ast.Match)


def _texts(code: CodeType) -> set[str]:
    """The words that a code may set an item or attribute by."""
    return {each for each in code.co_consts if isinstance(each, str) and each.isidentifier()}


def _fields(cls: Any) -> object:
    return getattr(cls, "_fields", None)


def _binders(module: LoadedModule, name: str) -> int:
    return sum(name in each.facts.uses.binds for each in module.source.statements)


def _other_attributes(before: Mapping[str, Any], cls: type) -> Iterator[str]:
    """The attributes of a class that have another value than before, or came or went."""
    now = vars(cls)
    for name in before.keys() | now.keys():
        if not name.startswith("_") and not same_value(before.get(name, MISSING), now.get(name, MISSING)):
            yield name


def _made_anew(difference: Difference) -> set[str]:
    """The attributes of a class whose statements run again as they were."""
    steps = (step for step in difference.steps if step.way is Way.RUN and step.before is not None)
    again = (step.statement for step in steps if step.before and step.before.facts.key == step.statement.facts.key)
    return {name for each in again for name in each.facts.uses.binds}


def _names_of_class(cls: type, difference: Difference | None) -> list[str]:
    if difference is None:
        private = "_" if is_enum(cls) else "__"  # `enum` keeps names like `_member_map_` to itself
        return [name for name in vars(cls) if not name.startswith(private)]
    changed = [step for step in difference.steps if step.way not in (Way.KEEP, Way.MOVE)]
    statements = [*difference.removed, *(each for step in changed for each in (step.statement, step.before) if each)]
    return sorted({name for statement in statements for name in statement.facts.uses.binds})
