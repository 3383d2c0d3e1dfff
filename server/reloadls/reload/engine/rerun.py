"""How a statement is run in a commit, and how what it binds keeps the identity of what was there."""

from __future__ import annotations

import ast
import gc
import os
from abc import ABCMeta
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import CodeType, FunctionType
from typing import Any

from .adopt import adopt_function, inner_functions
from .blocks import annotation_only, block_of_changes
from .class_body import ClassBodies, is_class
from .classes import adopt_class, kept_names
from .codes import all_codes, function_codes, inner_codes
from .dependents import dependents, depends
from .diff import Difference, Step, Way, stands_alone
from .fields import field_names, fill_new_fields
from .modules import LoadedModule
from .placing import place
from .plan import codes_within, definitions
from .schedule import Schedule
from .stars import Stars
from .statements import Facts, Statement, body_of
from .transaction import Transaction
from .undo import MISSING
from .values import same_calls, same_value

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
        self._replaced: list[tuple[_Ran, str, type]] = []

    def run(self, module: LoadedModule, step: Step) -> None:
        """Run a statement; raises what it raises."""
        self._shared.save(module)
        self._shared.traces.taken = []
        triggered = step.before is not None and step.before.facts is step.statement.facts
        if step.way is Way.ANNOTATE:
            self._execute(module, annotation_only(step.statement), step.statement)
            self._shared.told(module, sorted(step.statement.facts.uses.binds))
            return
        if step.way is Way.BLOCK and self._run_block(module, step):
            return
        if step.way is not Way.CLASS and not (triggered and is_class(step.statement)):
            self._run_whole(module, step)
            return
        difference, enough = self._classes.difference(module, step)
        if enough:
            self._classes.patch(module, step, difference)
        else:
            self._run_whole(module, step, difference)

    def _run_whole(self, module: LoadedModule, step: Step, difference: Difference | None = None) -> None:
        statement = step.statement
        code = self._shared.code(module, statement)
        namespace = module.namespace
        before = step.before.facts.uses.binds if step.before else set()
        binds = statement.facts.uses.binds
        old = {name: namespace.get(name, MISSING) for name in (*before, *binds)}
        shared_name = self._shared_name(module, statement)
        meant = namespace.get(shared_name, MISSING) if shared_name else MISSING
        if shared_name:
            old[shared_name] = self._made_before(module, step, shared_name)
        everything = dict(namespace) if statement.facts.uses.star else {}
        if step.before is not None:
            self._schedule.dispose(module, step.before)
            codes = (*self._shared.old_codes.get(step.before.facts, ()), *module.codes.get(statement.facts, ()))
            self._shared.traces.take_back(module, step.before, codes, statement.facts)
        self._shared.told(module, [])
        module.codes[statement.facts] = inner_codes(code)
        self._exec(module, statement, code)
        ran = _Ran(module, step, difference, {id(each) for each in all_codes(inner_codes(code))})
        self._bound_all(ran, binds, before, old)
        if shared_name and meant is not MISSING and self._has_later(module, statement, shared_name):
            namespace[shared_name] = meant
        if statement.facts.uses.star:
            self._stars.bound(module, statement, everything)
        self.mutated(module, statement)

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

    def _exec(self, module: LoadedModule, statement: Statement, code: CodeType) -> None:
        surroundings = dict(os.environ)
        self._shared.execute(module, statement, code)
        self._schedule.environment_changed(surroundings)
        shared = self._shared
        place(shared.modules, (module, statement), shared.given, shared.traces.taken, shared.undo)

    def _execute(self, module: LoadedModule, nodes: Sequence[ast.stmt], statement: Statement) -> tuple[CodeType, ...]:
        """Run a part of a statement; the code objects that it made."""
        if not nodes:
            return ()
        statement.facts.place(statement.first)
        nodes = tuple(ast.fix_missing_locations(node) for node in nodes)
        facts = Facts(nodes, statement.facts.text, statement.first)
        code = facts.compile(module.path, module.source.flags, module.source.imported())
        self._exec(module, statement, code)
        return inner_codes(code)

    def _bound_all(self, ran: _Ran, binds: set[str], before: set[str], old: Mapping[str, Any]) -> None:
        module = ran.module
        for name in sorted(binds):
            if name in module.namespace:
                self._bound(ran, name, old.get(name, MISSING))
        for name in sorted(before - binds):
            if not any(name in each.facts.uses.binds for each in module.source.statements):
                self._schedule.unbind(module, name)

    def _run_block(self, module: LoadedModule, step: Step) -> bool:
        """Run what changed in a block; False if all of it has to run."""
        assert step.before is not None
        shared, keys = self._shared, self._schedule.keys

        def affected(statement: Statement) -> bool:
            return any(depends(shared.modules, module, statement, key) for key in keys)

        block = block_of_changes(step.before, step.statement, affected)
        if not (block.run or block.removed) and affected(step.statement):
            return False  # what its condition reads is different
        old_codes = shared.old_codes.get(step.before.facts, ())
        codes = [each for part in block.replaced() for each in codes_within(old_codes, part, step.before.first)]
        shared.traces.take_back_parts(module, step.before, block, codes, step.statement.facts)
        binds, bound = block.binds(), block.bound()
        old = {name: module.namespace.get(name, MISSING) for name in (*binds, *bound)}
        shared.told(module, [])
        kept = module.codes[step.statement.facts]
        lines = {line for each in block.run for line in range(each.statement.first, each.statement.last + 1)}
        kept = tuple(
            code for code in function_codes(kept) if code.co_firstlineno - step.statement.first + 1 not in lines
        )
        made = self._execute(module, [block.node] if block.node else [], step.statement)
        module.codes[step.statement.facts] = (*kept, *made)
        ran = _Ran(module, step, None, {id(each) for each in all_codes(made)})
        self._bound_all(ran, binds, bound, old)
        self.mutated(module, step.statement)
        return True

    def _bound(self, ran: _Ran, name: str, old: Any) -> None:
        """A statement has bound a name: keep the object that was there, where it can take over what the new one is."""
        module, shared = ran.module, self._shared
        new = module.namespace[name]
        several = ran.step.before is None and _binders(module, name) > 1
        last = not self._shared_name(module, ran.step.statement) or not self._has_later(
            module, ran.step.statement, name
        )
        differs = ran.edited or not same_calls(old, new)
        kept = new if old is MISSING or old is new or several else self._kept(ran, name, old, new)
        if kept is not new:
            module.namespace[name] = kept
            shared.registrations.replace(new, kept)
            shared.adapters.replaced(new, kept, shared.undo)
        if kept is old and isinstance(kept, type) and name in ran.defined:
            names = _names_of_class(kept, ran.difference)
            if ran.edited or names:
                self._classes.changed(module, kept, names)
                self._classes.push_made_from(kept)
        elif kept is old and isinstance(kept, FunctionType):
            if differs:
                self._schedule.emit((module.name, name), body=True)
                shared.told(module, [name])
        elif ran.edited or not same_value(old, kept):
            shared.told(module, [name])
            if last and not same_value(old, kept):
                self._schedule.emit((module.name, name))
                self._schedule.emit((module.name, name), body=True)

    def _kept(self, ran: _Ran, name: str, old: Any, new: Any) -> Any:
        """Which object the name is to mean."""
        defined = name in ran.defined
        if isinstance(old, FunctionType) and isinstance(new, FunctionType):
            same_place = old.__globals__ is new.__globals__ and old.__name__ == new.__name__
            ours = defined or (id(new.__code__) in ran.codes and same_place)
            return adopt_function(old, new, self._shared.undo) if ours else new
        if isinstance(old, type) and isinstance(new, type) and not defined:
            return self._kept_made_class(ran, name, old, new)
        if not defined:
            return new
        if isinstance(old, type) and isinstance(new, type):
            return self._kept_class(ran, old, new)
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
        if not (calls and ours and ran.edited and old.__qualname__ == new.__qualname__ and type(old) is type(new)):
            return new
        if not issubclass(new, tuple):
            return self._kept_class(ran, old, new)
        if _fields(old) == _fields(new):
            return self._kept_class(ran, old, new)
        self._replaced.append((ran, name, old))
        return new

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
        made = {name for each in body for name in each.facts.uses.binds}
        keep = kept_names(ran.difference) if ran.difference else ()
        fields = field_names(old)
        kept = adopt_class(old, new, self._shared.undo, made=made, keep=keep)
        fill_new_fields(kept, fields, self._shared.undo)
        self._shared.adapters.class_changed(kept, new, self._shared.undo)
        return kept

    def mutated(self, module: LoadedModule, statement: Statement) -> None:
        """A statement has changed things in place: what was computed from them follows."""
        for node in statement.facts.nodes:
            if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
                continue
            name = _owner(node.value.func)
            value = module.namespace.get(name) if name else None
            read = any(each.path for each in module.effects.get(statement.facts, ()))
            register = isinstance(node.value.func, ast.Attribute) and node.value.func.attr == "register"
            if name and (
                isinstance(value, (list, dict, set))
                or (register and isinstance(value, ABCMeta))
                or (read and hasattr(value, "__dict__"))
            ):
                for other, each in dependents(self._shared.modules, (module.name, name)):
                    later = other is not module or each.first >= statement.first
                    later = later and each.facts is not statement.facts
                    if later and each.facts.uses.value and not self._schedule.runs[each.facts]:
                        self._schedule.push(other, each)


def _fields(cls: Any) -> object:
    return getattr(cls, "_fields", None)


def _owner(node: ast.expr) -> str | None:
    """`config` of `config.parser.read`."""
    if not isinstance(node, ast.Attribute):
        return None
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _binders(module: LoadedModule, name: str) -> int:
    return sum(name in each.facts.uses.binds for each in module.source.statements)


def _names_of_class(cls: type, difference: Difference | None) -> list[str]:
    if difference is None:
        return [name for name in vars(cls) if not name.startswith("__")]
    changed = [step for step in difference.steps if step.way not in (Way.KEEP, Way.MOVE)]
    statements = [*difference.removed, *(each for step in changed for each in (step.statement, step.before) if each)]
    return sorted({name for statement in statements for name in statement.facts.uses.binds})
