"""Apply an edited class body to the existing class, in a commit."""

from __future__ import annotations

import ast
import gc
from collections.abc import Callable, Collection, Iterable
from types import CodeType, FunctionType, ModuleType
from typing import Any

from reloadls.reload.engine.analysis.bytecode import calls_or_sets_items
from reloadls.reload.engine.analysis.codes import inner_codes, owner_of, pairs, same_but_lines
from reloadls.reload.engine.analysis.diff import Difference, Step, Way
from reloadls.reload.engine.analysis.shapes import functions_called_alike
from reloadls.reload.engine.analysis.statements import Facts, Statement, body_of
from reloadls.reload.engine.objects.changes import Change
from reloadls.reload.engine.objects.classes import (
    CantBeLive,
    annotations_differ,
    changed_body,
    has_docstring,
    is_plain,
    patch_class,
    statement_for_body,
)
from reloadls.reload.engine.objects.containers import CONTAINERS, entries, home_of, is_a, same_entries
from reloadls.reload.engine.objects.functions import Swap, set_code
from reloadls.reload.engine.objects.lazy import annotated_names, is_lazy
from reloadls.reload.engine.objects.values import is_plain as is_value
from reloadls.reload.engine.program.dependents import classes_with, depends
from reloadls.reload.engine.program.modules import LoadedModule
from reloadls.reload.engine.program.mutations import acts, module_of, reached_by, undo_in_containers

from .plan import codes_within, does_not_fit
from .schedule import Schedule
from .transaction import Transaction

__all__ = ["ClassBodies", "class_of", "is_class", "is_imported_below"]

_NOTHING = compile("", "<reloadls>", "exec")


class ClassBodies:
    """Changes bodies of classes that nothing looks at when they are made."""

    def __init__(self, shared: Transaction, schedule: Schedule) -> None:
        self._shared = shared
        self._schedule = schedule

    def difference(self, module: LoadedModule, step: Step) -> tuple[Difference, bool]:
        """What is different in the body, and whether it is enough to run that."""
        assert step.before is not None
        affected = self._affected(module, step)
        difference = changed_body(step.before, step.statement, affected)
        cls = class_of(module, step)
        self._check_hooks(cls, difference)
        takes = is_a(cls, type) and self._shared.adapters.takes_attributes(cls)
        plain = is_plain(cls, step.before, step.statement, takes_attributes=takes)
        enough = (
            plain and (step.way is Way.CLASS or bool(affected)) and not self._has_other_head(module, step.statement)
        )
        return difference, enough and not self._has_put_values(module, step, difference)

    def _has_put_values(self, module: LoadedModule, step: Step, difference: Difference) -> bool:
        """Whether the program's decorators of methods that are edited or gone may have put values somewhere."""
        before = [each.before for each in difference.steps if each.way is Way.RUN and each.before is not None]
        nodes = (each.facts.nodes[0] for each in (*difference.removed, *before))
        decorators = (each for node in nodes if is_a(node, _FUNCTIONS) for each in getattr(node, "decorator_list", ()))
        homes = (module_of(each.func if is_a(each, ast.Call) else each, module.namespace) for each in decorators)
        if not any(home is not None and self._shared.modules.owns(home) for home in homes):
            return False
        changes = [effect.change for effect in module.effects.get(step.statement.facts, ())]
        return any(is_value(value) for change in changes if change is not None for _, value in change.given())

    def _has_other_head(self, module: LoadedModule, statement: Statement) -> bool:
        """Whether a base or decorator is another object now, or gone."""
        [node] = statement.facts.nodes
        assert isinstance(node, ast.ClassDef)
        parts = (*node.decorator_list, *node.bases, *(each.value for each in node.keywords))
        facts = Facts(tuple(ast.Expr(each) for each in parts), statement.facts.text, statement.facts.line)
        keys = [key for key in self._schedule.keys if "." not in key[1]] if parts else []
        head = Statement(facts, statement.first)
        return any(depends(self._shared.modules, module, head, key) for key in keys)

    def patch(self, module: LoadedModule, step: Step, difference: Difference) -> None:
        """Run what is different in the body, in the class as it is."""
        cls = class_of(module, step)
        facts = step.statement.facts
        self._take_back(module, step, cls, difference)
        swaps = self._swaps_of_body(module, step, cls, difference)
        spaces = [module.namespace]
        for function, swap in self._shared.functions.running(swaps, spaces, self._shared.modules.spaces()):
            set_code(function, swap.new, self._shared.undo)
        names = [_member(swap.new, cls) for swap in swaps if not swap.moved_only and _member(swap.new, cls)]
        depth = cls.__qualname__.count(".") + 1
        kept = tuple(swap.new for swap in swaps if owner_of(swap.new).count(".") == depth)
        lazy = is_lazy(module.source.flags)
        annotated = annotated_names(cls) if lazy and annotations_differ(difference) else None
        put = self._putter(cls, difference)
        facts.place(step.statement.first)
        alone = statement_for_body(step.statement, difference, annotated)
        made: tuple[CodeType, ...] = ()
        if alone is not None:
            imported = module.source.imported()
            code = Facts(alone, facts.text, facts.line).compile(module.path, module.source.flags, imported)
            made = inner_codes(code)
            self._shared.remember()
            with self._shared.noting(module, step.statement):
                replaced = self._shared.registrations.replace
                names += patch_class(
                    cls, code, module.namespace, difference, self._shared.undo, put=put, replaced=replaced, lazy=lazy
                )
        elif difference.removed or step.way is Way.CLASS:
            names += patch_class(cls, _NOTHING, module.namespace, difference, self._shared.undo, put=put, lazy=lazy)
        if step.before is not None and has_docstring(step.before) and not has_docstring(step.statement):
            self._shared.undo.set_class_attribute(cls, "__doc__", None)
        module.codes[facts] = (*kept, *made)
        self._shared.adapters.class_changed(cls, cls, self._shared.undo)
        self.changed(module, cls, list(dict.fromkeys(names)), alike=_called_alike(difference))

    def _take_back(self, module: LoadedModule, step: Step, cls: type, difference: Difference) -> None:
        """Take back what statements of the body did, beside binding names, that are gone or run again."""
        assert step.before is not None
        space = {**module.namespace, **vars(cls)}
        before = [each.before for each in difference.steps if each.way is Way.RUN and each.before is not None]
        for each in sorted((*difference.removed, *before), key=lambda statement: statement.first, reverse=True):
            self._unregister(module, step, each, space)
            self._check_calls(module, step, each, space)
            if acts(each) and not undo_in_containers(each, space, self._shared.undo):
                line = step.before.first + each.first - 1
                raise CantBeLive(f"what line {line}, in the body of {cls.__qualname__}, did can't be taken back")

    def _check_calls(self, module: LoadedModule, step: Step, statement: Statement, space: dict[str, Any]) -> None:
        """Raise CantBeLive where a value was computed by a call that may have changed something of the program."""
        assert step.before is not None
        if not isinstance(statement.facts.nodes[0], (ast.Assign, ast.AnnAssign)):
            return
        if self._shared.adapters.takes_attributes(class_of(module, step)):
            return  # its library says what can be changed
        calls = [each.func for each in ast.walk(statement.facts.nodes[0]) if isinstance(each, ast.Call)]
        calls = [each for each in calls if self._shared.modules.owns(module_of(each, space) or module.name)]
        changes = (effect.change for effect in module.effects.get(step.statement.facts, ()))
        if calls and any(change is not None and is_a(change.owner, CONTAINERS) for change in changes):
            line = step.before.first + statement.first - 1
            place = f"line {line}, in the body of {class_of(module, step).__qualname__}"
            raise CantBeLive(f"what the call in {place}, did can't be taken back")

    def _unregister(self, module: LoadedModule, step: Step, statement: Statement, space: dict[str, Any]) -> None:
        """Take a decorated function out of what its decorators have put it into."""
        assert step.before is not None
        node = statement.facts.nodes[0]
        decorators = getattr(node, "decorator_list", ())
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or all(map(_is_builtin, decorators)):
            return
        codes = codes_within(self._shared.old_codes.get(step.before.facts, ()), statement, step.before.first)
        made = list(self._shared.functions.of(codes, self._shared.modules.spaces()))
        cls = class_of(module, step)
        values = (*vars(cls).values(), *(space[name] for name in names_of(decorators) if name in space))
        starts = [found for each in values if not is_a(each, (type, ModuleType)) for found in reached_by(each)]
        registrations = self._shared.registrations
        registrations.restore_with(self._shared.undo)
        registrations.take_out(made, [each for each in starts if not is_a(each, (type, ModuleType))])
        changes = (effect.change for effect in module.effects.get(step.statement.facts, ()) if effect.change)
        if any(_still_holds(change, made) for change in changes):
            message = f"the decorator of {cls.__qualname__}.{node.name} has put it into a container"
            raise CantBeLive(f"{message}, from which it can't be taken out")

    def _check_hooks(self, cls: Any, difference: Difference) -> None:
        """Raise CantBeLive where an object that is gone has changed its class when that was made."""
        before = [each.before for each in difference.steps if each.way is Way.RUN and each.before is not None]
        names = {name for each in (*difference.removed, *before) for name in each.facts.uses.binds}
        for name in sorted(names) if is_a(cls, type) else ():
            kind = type(vars(cls).get(name))
            hook = kind.__dict__.get("__set_name__") if self._shared.modules.owns(home_of(kind)) else None
            if is_a(hook, FunctionType) and calls_or_sets_items(hook.__code__):
                message = f"__set_name__ of {kind.__qualname__} may have changed {cls.__qualname__} for {name}"
                raise CantBeLive(f"{message}, which can't be taken back")

    def _putter(self, cls: type, difference: Difference) -> Callable[[str, Any], bool] | None:
        """What puts an attribute into a class that its library has to know of; None if none has."""
        if not self._shared.adapters.takes_attributes(cls):
            return None
        names = [name for step in difference.steps for name in _names_of(step.statement)]
        adapters, undo = self._shared.adapters, self._shared.undo
        return lambda name, value: adapters.put_attribute(cls, name, value, names, undo)

    def _affected(self, module: LoadedModule, step: Step) -> set[str]:
        """Texts of statements in a class's body that have to run again, though they did not change like that."""
        names: set[str] = set()
        if step.way is Way.CLASS:
            old = self._shared.old_codes.get(step.before.facts, ()) if step.before else ()
            new = inner_codes(self._shared.code(module, step.statement))
            names = {other.co_name for one, other in pairs(old, new) if does_not_fit(one, other)}
        keys = {*self._schedule.keys, *self._schedule.bodies}
        return {
            each.facts.text
            for each in body_of(step.statement)
            if not names.isdisjoint(each.facts.uses.binds)
            or any(depends(self._shared.modules, module, each, key) for key in keys)
        }

    def _swaps_of_body(self, module: LoadedModule, step: Step, cls: type, difference: Difference) -> list[Swap]:
        """The code of all functions in a class whose statements are not run again."""
        triggered = step.way is not Way.CLASS
        before = module.codes if triggered else self._shared.old_codes
        old = before.get(step.before.facts, ()) if step.before else ()
        new = old if triggered else inner_codes(self._shared.code(module, step.statement))
        start = step.statement.first if triggered or step.before is None else step.before.first
        swaps = []
        for each in difference.steps:
            if each.before is not None and each.way in (Way.KEEP, Way.MOVE, Way.PATCH, Way.ANNOTATE):
                ours = codes_within(new, each.statement, step.statement.first)
                found = pairs(codes_within(old, each.before, start), ours, same_shape=True)
                swaps += [Swap(one, other, moved_only=same_but_lines(one, other)) for one, other in found]
        return swaps

    def changed(self, module: LoadedModule, cls: type, names: list[str], *, alike: Collection[str] = ()) -> None:
        """Attributes of a class are others now: what depends on them follows.

        Args:
            module: whose class it is.
            cls: the class.
            names: of the attributes.
            alike: those of which only the docstring and annotations are others.
        """
        self._shared.classes_changed = True
        others = [name for name in names if name not in alike]
        for name in others:
            key = (module.name, f"{cls.__qualname__}.{name}")
            self._schedule.emit(key)
            self._schedule.emit(key, body=True)
        if others:
            self._schedule.emit((module.name, f"{cls.__qualname__}.*"))
        self._schedule.emit((module.name, f"{cls.__qualname__}.@"))
        self._schedule.subclasses_changed(cls)
        self._shared.add_changed(module, [f"{cls.__qualname__}.{name}" for name in names] or [cls.__qualname__])
        if not all(is_a(vars(cls).get(name), (FunctionType, property, staticmethod, classmethod)) for name in names):
            self.push_made_from(cls)

    def push_made_from(self, cls: type) -> None:
        """Have the subclasses made again that take more from a class than they inherit."""
        for origin in classes_with(self._shared.modules, cls):
            self._schedule.push(*origin)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _called_alike(difference: Difference) -> set[str]:
    """The methods of which only the docstring and annotations are others: where the text is the same, a default is."""
    found = set()
    for step in difference.steps:
        if step.before is not None and step.way is Way.RUN and step.before.facts.key != step.statement.facts.key:
            found |= functions_called_alike(step.before.facts.nodes, step.statement.facts.nodes)
    return found


def is_class(statement: Statement) -> bool:
    """Whether a statement is a class and no more."""
    return statement.facts.is_class


def class_of(module: LoadedModule, step: Step) -> Any:
    """What the name of the class means now; None if that is another module's, imported further below."""
    [node] = step.statement.facts.nodes
    assert isinstance(node, ast.ClassDef)
    value = module.namespace.get(node.name)
    if is_a(value, type) and home_of(value) != module.name and is_imported_below(module, step.statement, node.name):
        return None
    return value


def is_imported_below(module: LoadedModule, statement: Statement, name: str) -> bool:
    """Whether an import below a definition gives its name another meaning."""
    below = (
        each.facts.uses for each in module.source.statements if each.first > statement.first and each.facts.imports
    )
    return any(uses.star or name in uses.binds for uses in below)


def _still_holds(change: Change, functions: Iterable[FunctionType]) -> bool:
    """Whether what a change put into a container is there still, and holds one of these."""
    ids = {id(each) for each in functions}
    held = [entry for _, entry in change.added if any(id(each) in ids for each in gc.get_referents(entry))]
    if not held or not is_a(change.owner, CONTAINERS):
        return False
    return any(
        same_entries([entry], [each], pairs=is_a(change.owner, dict))
        for entry in held
        for each in entries(change.owner)
    )


def names_of(nodes: Iterable[ast.expr]) -> set[str]:
    """The names in expressions."""
    return {each.id for node in nodes for each in ast.walk(node) if isinstance(each, ast.Name)}


def _is_builtin(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Name) and decorator.id in ("property", "staticmethod", "classmethod")


def _names_of(statement: Statement) -> set[str]:
    """What a statement binds, or only annotates."""
    targets = (node.target for node in statement.facts.nodes if isinstance(node, ast.AnnAssign))
    return statement.facts.uses.binds | {each.id for each in targets if isinstance(each, ast.Name)}


def _member(code: CodeType, cls: type) -> str:
    """Which attribute of the class a code object belongs to."""
    prefix = cls.__qualname__ + "."
    return code.co_qualname.removeprefix(prefix).partition(".")[0] if code.co_qualname.startswith(prefix) else ""
