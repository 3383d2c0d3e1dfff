"""Makes a plan live: patches functions, runs statements and what depends on them, in order, all or nothing."""

from __future__ import annotations

import ast
import heapq
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import CodeType, FunctionType
from typing import Any

from .adapting import Adapters
from .adopt import adopt_function, inner_functions
from .classes import adopt_class, changed_body, is_plain, kept_names, patch_class, statement_for_body
from .codes import all_codes, inner_codes, pairs, same_but_lines
from .dependents import Key, classes_with, dependents, depends, imported_from
from .diff import Difference, Step, Way
from .effects import Effect, Recorder
from .functions import Functions, Swap, clear_caches, set_code
from .modules import Codes, LoadedModule, Modules
from .plan import ModulePlan, Work, definitions, does_not_fit
from .registrations import Registrations
from .relocation import imports_module
from .statements import Facts, Statement, body_of
from .traces import Traces
from .undo import MISSING, Undo

__all__ = ["Changed", "Commit"]

Relocate = Callable[[Undo], tuple[list[str], list[LoadedModule]]]
"""Puts modules where they are now; answers the names that they had, and the modules."""

_MOST_RUNS = 2
"""How often a statement is run in one commit: modules that import each other need a second time."""

Changed = dict[LoadedModule, list[str]]
"""Module -> the qualified names that run new code."""


@dataclass(order=True)
class _Due:
    """A statement that is to be run, the first in the order of the program first."""

    order: int
    line: int
    module: LoadedModule = field(compare=False)
    step: Step = field(compare=False)


class Commit:
    """One transaction. `run` either makes all of it live, or raises and leaves the program as it was."""

    def __init__(self, modules: Modules, functions: Functions, adapters: Adapters, work: Work) -> None:
        self._modules = modules
        self._functions = functions
        self._adapters = adapters
        self._plans = work.plans
        self._again = work.again
        self._files = work.files
        self.files_taken: list[str] = []
        """Those of the other files that a library has made something of."""
        self._undo = Undo()
        self._registrations = Registrations(modules.spaces(), modules.names())
        self._traces = Traces(modules, functions, self._registrations, adapters, self._undo)
        self._line: list[_Due] = []
        self._planned: set[Facts] = set()
        self._saved: set[LoadedModule] = set()
        self._runs: Counter[Facts] = Counter()
        self._compiled: dict[Facts, CodeType] = {}
        self._old_codes: Codes = {}
        self._running: dict[LoadedModule, int] = {}
        self._changed: Changed = {}
        self._keys: set[Key] = set()
        self._before: dict[LoadedModule, dict[str, Any]] = {}
        self.at_work: LoadedModule | None = None
        """The module whose statement was run last."""

    def run(self, relocate: Relocate | None = None) -> Changed:
        """Make the plan live. Raises whatever the program's statements raise, and CantBeLive."""
        with _alone():
            try:
                self._run(relocate)
            except BaseException:
                self._undo.take_back()
                raise
            finally:
                self._let_go()
            self._undo.finish()
        return self._changed

    def _run(self, relocate: Relocate | None) -> None:
        self._running = {module: line for module in self._modules if (line := _running_line(module))}
        first = [
            _Due(plan.module.order, step.statement.first, plan.module, step)
            for plan in self._plans
            for step in plan.steps
            if step.way in (Way.RUN, Way.CLASS)
        ]
        removed = any(plan.difference.removed for plan in self._plans)
        if first or removed or self._again or self._files or relocate or any(plan.bodies for plan in self._plans):
            self._remember()
        names, moved = relocate(self._undo) if relocate else ([], [])
        self._swap()
        for plan in self._plans:
            self._take(plan)
        for module in moved:
            if self._modules.named(module.name) is not module:
                self._remove_module(module)
        self._line = first
        self._planned = {due.step.statement.facts for due in first}
        heapq.heapify(self._line)
        for module, statement in self._again:
            self._push(module, statement)
        self._push_importers(names)
        for plan in self._plans:
            self._remove(plan)
        for due in list(self._line):
            if due.step.before is not None:
                self._dispose(due.module, due.step.before)
        for plan in self._plans:
            for name in plan.bodies:
                self._body_changed(plan.module, name)
        while self._line:
            self._run_due(heapq.heappop(self._line))
        self._registrations.settle()
        self.files_taken = [path for path in self._files if self._adapters.file_changed(path, self._undo)]
        self._adapters.after(self._undo, self._place)
        self._call_hooks()

    def _let_go(self) -> None:
        """Hold no code object any more: who holds one is told by its reference count."""
        for plan in self._plans:
            plan.swaps.clear()
            plan.compiled.clear()
        self._compiled.clear()
        self._old_codes.clear()

    def _push_importers(self, names: Collection[str]) -> None:
        """What imports a module by a name that it had must find out what that name means now."""
        for module in self._modules if names else ():
            for statement in module.source.statements:
                if any(imports_module(module, statement, name) for name in names):
                    self._push(module, statement)

    def _remember(self) -> None:
        self._undo.restore_namespaces(self._modules.spaces())
        self._registrations.restore_with(self._undo)
        self._undo.add(partial(_forget_new_modules, self._modules, set(self._modules.names())))
        self._before = {module: dict(module.namespace) for module in self._modules}
        self._adapters.before(self._undo, self._modules.spaces())

    # -- functions

    def _swap(self) -> None:
        swaps = [swap for plan in self._plans for swap in plan.swaps]
        if not swaps:
            return
        spaces = [plan.module.namespace for plan in self._plans]
        patched = []
        for function, swap in self._functions.running(swaps, spaces, self._modules.spaces()):
            if set_code(function, swap.new, self._undo) and not swap.moved_only:
                patched.append(function)
        if patched:
            values = (value for space in self._modules.spaces() for value in list(space.values()))
            clear_caches(patched, values, self._undo)
            self._adapters.functions_changed(patched, self._undo)

    def _take(self, plan: ModulePlan) -> None:
        module = plan.module
        self._save(module)
        self._old_codes.update(module.codes)
        came_from = {step.statement.facts: step.before.facts for step in plan.steps if step.before}
        module.take(plan.text, plan.source, plan.codes, came_from)
        self._compiled.update(plan.compiled)
        if plan.changed:
            self._told(module, plan.changed)

    def _body_changed(self, module: LoadedModule, name: str) -> None:
        self._emit((module.name, name), body=True)
        outer = name.rpartition(".")[0]
        if outer:
            self._emit((module.name, f"{outer}.*"))

    # -- statements that are gone

    def _remove(self, plan: ModulePlan) -> None:
        module = plan.module
        bound = {name for each in plan.source.statements for name in each.facts.uses.binds}
        for statement in reversed(plan.difference.removed):
            self._dispose(module, statement)
            self._traces.take_back(module, statement, self._old_codes.get(statement.facts, ()))
            self._told(module, [])
        for statement in plan.difference.removed:
            brought = self._brought(module, statement) if statement.facts.uses.star else set()
            for name in sorted((statement.facts.uses.binds | brought) - bound):
                self._unbind(module, name)
            if brought:
                self._push_other_stars(module, statement)
            self._mutated(module, statement)

    def _remove_module(self, module: LoadedModule) -> None:
        """A module that is gone takes with it what it did."""
        for statement in reversed(module.source.statements):
            list(self._traces.dispose_of(module, statement.facts.uses.binds))
            self._traces.take_back(module, statement, module.codes.get(statement.facts, ()))
        self._told(module, [])

    def _dispose(self, module: LoadedModule, statement: Statement) -> None:
        for again in self._traces.dispose_of(module, statement.facts.uses.binds):
            if again.facts is not statement.facts:
                self._push(module, again)

    def _unbind(self, module: LoadedModule, name: str) -> None:
        if name in module.namespace:
            value = module.namespace[name]
            self._undo.set_item(module.namespace, name, MISSING)
            self._adapters.forget(value, self._undo)
            self._emit((module.name, name))
            self._told(module, [name])

    # -- statements that are run

    def _push(self, module: LoadedModule, statement: Statement, known: frozenset[Statement] = frozenset()) -> None:
        if self._is_running(module, statement) or (
            statement.facts in self._planned and not self._runs[statement.facts]
        ):
            return
        step = Step(Way.RUN, statement, statement)
        heapq.heappush(self._line, _Due(module.order, statement.first, module, step))
        uses = statement.facts.uses
        names = uses.binds - uses.passing - {"_"}
        for other in module.source.statements:  # what binds the same name is one with it
            if other is not statement and other not in known and not names.isdisjoint(other.facts.uses.binds):
                if self._runs[other.facts] < 1 or other.first > statement.first:
                    self._push(module, other, known | {statement})

    def _is_running(self, module: LoadedModule, statement: Statement) -> bool:
        """Whether it is not done yet: the one that a script lives in, and those after it."""
        line = self._running.get(module)
        return line is not None and statement.last >= line

    def _run_due(self, due: _Due) -> None:
        facts = due.step.statement.facts
        triggered = due.step.before is not None and due.step.before.facts is facts
        if self._runs[facts] >= (_MOST_RUNS if triggered and len(self._plans) > 1 else 1):
            return
        self._runs[facts] += 1
        self.at_work = due.module
        self._save(due.module)
        if due.step.way is Way.CLASS or (triggered and _is_class(due.step.statement)):
            self._run_class(due.module, due.step)
        else:
            self._run_whole(due.module, due.step)

    def _save(self, module: LoadedModule) -> None:
        """Have what is known of a module be as it is now when the commit is taken back."""
        if module not in self._saved:
            self._saved.add(module)
            self._undo.add(partial(module.restore, module.state()))

    def _run_class(self, module: LoadedModule, step: Step) -> None:
        assert step.before is not None
        [node] = step.statement.facts.nodes
        assert isinstance(node, ast.ClassDef)
        cls = module.namespace.get(node.name)
        affected = self._affected(module, step)
        difference = changed_body(step.before, step.statement, affected)
        if not is_plain(cls, step.before, step.statement) or (step.way is not Way.CLASS and not affected):
            self._run_whole(module, step, difference)
            return
        assert isinstance(cls, type)
        self._patch_body(module, step, cls, difference)

    def _affected(self, module: LoadedModule, step: Step) -> set[str]:
        """Texts of statements in a class's body that have to run again, though they did not change like that."""
        names: set[str] = set()
        if step.way is Way.CLASS:
            old = self._old_codes.get(step.before.facts, ()) if step.before else ()
            new = inner_codes(self._code(module, step.statement))
            names = {other.co_name for one, other in pairs(old, new) if does_not_fit(one, other)}
        return {
            each.facts.text
            for each in body_of(step.statement)
            if not names.isdisjoint(each.facts.uses.binds)
            or any(depends(self._modules, module, each, key) for key in self._keys)
        }

    def _patch_body(self, module: LoadedModule, step: Step, cls: type, difference: Difference) -> None:
        facts = step.statement.facts
        swaps = self._swaps_of_body(module, step, cls, difference)
        spaces = [module.namespace]
        for function, swap in self._functions.running(swaps, spaces, self._modules.spaces()):
            set_code(function, swap.new, self._undo)
        names = [_member(swap.new, cls) for swap in swaps if not swap.moved_only and _member(swap.new, cls)]
        depth = cls.__qualname__.count(".") + 1
        kept = tuple(swap.new for swap in swaps if swap.new.co_qualname.count(".") == depth)
        reduced = Difference(
            tuple(each for each in difference.steps if each.way not in (Way.MOVE, Way.PATCH)), difference.removed
        )
        alone = statement_for_body(step.statement, reduced)
        made: tuple[CodeType, ...] = ()
        if alone is not None:
            facts.place(step.statement.first)
            code = Facts(alone, facts.text, facts.line).compile(module.path, module.source.flags)
            made = inner_codes(code)
            with self._noting(module, facts):
                names += patch_class(cls, code, module.namespace, difference, self._undo)
        elif difference.removed or step.way is Way.CLASS:
            names += patch_class(cls, _NOTHING, module.namespace, difference, self._undo)
        module.codes[facts] = (*kept, *made)
        self._adapters.class_changed(cls, cls, self._undo)
        self._class_changed(module, cls, list(dict.fromkeys(names)), step)

    def _swaps_of_body(self, module: LoadedModule, step: Step, cls: type, difference: Difference) -> list[Swap]:
        """The code of all functions in a class whose statements are not run again."""
        triggered = step.way is not Way.CLASS
        before = module.codes if triggered else self._old_codes
        old = before.get(step.before.facts, ()) if step.before else ()
        new = old if triggered else inner_codes(self._code(module, step.statement))
        offset = step.statement.first - 1
        ran = [
            range(offset + each.statement.first, offset + each.statement.last + 1)
            for each in difference.steps
            if each.way not in (Way.KEEP, Way.MOVE, Way.PATCH)
        ]
        found = [
            (one, other) for one, other in pairs(old, new) if not any(other.co_firstlineno in lines for lines in ran)
        ]
        return [Swap(one, other, moved_only=same_but_lines(one, other)) for one, other in found]

    def _class_changed(self, module: LoadedModule, cls: type, names: list[str], step: Step) -> None:
        for name in names:
            key = (module.name, f"{cls.__qualname__}.{name}")
            self._emit(key)
            self._emit(key, body=True)
        if names:
            self._emit((module.name, f"{cls.__qualname__}.*"))
        self._told(module, [f"{cls.__qualname__}.{name}" for name in names] or [cls.__qualname__])
        if not all(
            isinstance(vars(cls).get(name), (FunctionType, property, staticmethod, classmethod)) for name in names
        ):
            for origin in classes_with(self._modules, cls):
                self._push(*origin)

    def _run_whole(self, module: LoadedModule, step: Step, difference: Difference | None = None) -> None:
        statement = step.statement
        code = self._code(module, statement)
        namespace = module.namespace
        before = step.before.facts.uses.binds if step.before else set()
        binds = statement.facts.uses.binds
        old = {name: namespace.get(name, MISSING) for name in (*before, *binds)}
        everything = dict(namespace) if statement.facts.uses.star else {}
        if step.before is not None:
            self._dispose(module, step.before)
            codes = (*self._old_codes.get(step.before.facts, ()), *module.codes.get(statement.facts, ()))
            self._traces.take_back(module, step.before, codes)
        self._told(module, [])
        module.codes[statement.facts] = inner_codes(code)
        with self._noting(module, statement.facts):
            exec(code, namespace)  # noqa: S102 - the source is the program's own
        own = set(map(id, all_codes(inner_codes(code))))
        defined = {node.name for node in definitions(statement)}
        for name in sorted(binds):
            if name in namespace:
                self._bound(module, step, name, old.get(name, MISSING), own, defined, difference)
        for name in sorted(before - binds):
            if not any(name in each.facts.uses.binds for each in module.source.statements):
                self._unbind(module, name)
        if statement.facts.uses.star:
            self._bound_by_star(module, statement, everything)
        self._mutated(module, statement)

    def _bound(
        self,
        module: LoadedModule,
        step: Step,
        name: str,
        old: Any,
        own: set[int],
        defined: set[str],
        difference: Difference | None,
    ) -> None:
        """A statement has bound a name: keep the object that was there, where it can take over what the new one is."""
        new = module.namespace[name]
        kept = new
        edited = step.before is None or step.before.facts is not step.statement.facts
        several = step.before is None and _binders(module, name) > 1
        differs = edited or not _same_calls(old, new)
        if old is not MISSING and old is not new and not several:
            kept = self._kept(old, new, own, name in defined, difference, step)
        if kept is not new:
            module.namespace[name] = kept
            self._registrations.replace(new, kept)
            self._adapters.replaced(new, kept, self._undo)
        if isinstance(kept, type) and kept is old and name in defined:
            names = self._names_of_class(kept, difference)
            if edited or names:
                self._class_changed(module, kept, names, step)
        elif isinstance(kept, FunctionType) and kept is old:
            if differs:
                self._emit((module.name, name), body=True)
                self._told(module, [name])
        elif not _same_value(old, kept):
            self._emit((module.name, name))
            self._emit((module.name, name), body=True)
        if edited or not _same_value(old, kept):
            self._told(module, [name] if not (isinstance(kept, type) and kept is old) else [])

    def _names_of_class(self, cls: type, difference: Difference | None) -> list[str]:
        if difference is None:
            return [name for name in vars(cls) if not name.startswith("__")]
        changed = [step for step in difference.steps if step.way not in (Way.KEEP, Way.MOVE)]
        return sorted({name for step in changed for name in step.statement.facts.uses.binds})

    def _kept(self, old: Any, new: Any, own: set[int], defined: bool, difference: Difference | None, step: Step) -> Any:
        if isinstance(old, FunctionType) and isinstance(new, FunctionType):
            if defined or (
                id(new.__code__) in own and old.__globals__ is new.__globals__ and old.__name__ == new.__name__
            ):
                return adopt_function(old, new, self._undo)
            return new
        if not defined:
            return new
        if isinstance(old, type) and isinstance(new, type):
            made = (
                {name for each in body_of(step.before) for name in each.facts.uses.binds}
                if step.before and _is_class(step.before)
                else ()
            )
            kept = adopt_class(old, new, self._undo, made=made, keep=kept_names(difference) if difference else ())
            self._adapters.class_changed(kept, new, self._undo)
            return kept
        for one in inner_functions(old):
            for other in inner_functions(new):
                if one is not other and one.__code__.co_qualname == other.__code__.co_qualname:
                    adopt_function(one, other, self._undo)
        return new

    def _bound_by_star(self, module: LoadedModule, statement: Statement, before: dict[str, Any]) -> None:
        for name, value in list(module.namespace.items()):
            if not _same_value(before.get(name, MISSING), value):
                self._emit((module.name, name))
                self._told(module, [name])
        given: set[str] = set()
        for node in statement.facts.nodes:
            if isinstance(node, ast.ImportFrom) and (source := self._modules.named(imported_from(module, node))):
                names = source.namespace
                given.update(names.get("__all__") or [name for name in names if not name.startswith("_")])
        own = {name for each in module.source.statements for name in each.facts.uses.binds}
        for name in sorted(self._brought(module, statement) - given - own):
            self._unbind(module, name)
            self._push_other_stars(module, statement)

    def _push_other_stars(self, module: LoadedModule, statement: Statement) -> None:
        """A name that one star import brings no more may be another's, too."""
        for other in module.source.statements:
            if other.facts.uses.star and other.facts is not statement.facts:
                self._push(module, other)

    def _brought(self, module: LoadedModule, statement: Statement) -> set[str]:
        """Names that a star import has brought."""
        found: set[str] = set()
        here = module.namespace
        for node in statement.facts.nodes:
            if isinstance(node, ast.ImportFrom) and (source := self._modules.named(imported_from(module, node))):
                was = self._before.get(source, source.namespace)
                found |= {
                    each for each in here if not each.startswith("__") and each in was and here[each] is was[each]
                }
        return found

    def _mutated(self, module: LoadedModule, statement: Statement) -> None:
        """A statement has changed things in place: what was computed from them follows."""
        for node in statement.facts.nodes:
            if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
                continue
            name = _owner(node.value.func)
            value = module.namespace.get(name) if name else None
            read = any(each.path for each in module.effects.get(statement.facts, ()))
            if name and (isinstance(value, (list, dict, set)) or (read and hasattr(value, "__dict__"))):
                for other, each in dependents(self._modules, (module.name, name)):
                    later = other is not module or each.first > statement.first
                    if later and each.facts.uses.value and not self._runs[each.facts]:
                        self._push(other, each)

    def _code(self, module: LoadedModule, statement: Statement) -> CodeType:
        code = self._compiled.get(statement.facts)
        if code is None:
            code = self._compiled[statement.facts] = module.at_its_place(statement)
        return code

    def _noting(self, module: LoadedModule, facts: Facts) -> Any:
        module.effects.pop(facts, None)

        def note(_line: int, effect: Effect) -> None:
            module.effects.setdefault(facts, []).append(effect)
            if effect.undo is not None and not effect.at_once:
                self._undo.add(effect.undo)

        return Recorder.noting(module.namespace, note)

    # -- what follows

    def _emit(self, key: Key, *, body: bool = False) -> None:
        """Have the statements run that depend on a name."""
        if not body:
            self._keys.add(key)
        for module, statement in dependents(self._modules, key, body=body):
            if self._runs[statement.facts] < _MOST_RUNS:
                self._push(module, statement)

    def _told(self, module: LoadedModule, names: list[str]) -> None:
        known = self._changed.setdefault(module, [])
        known.extend(name for name in names if name not in known)

    def _place(self, effect: Effect) -> tuple[str, int] | None:
        for module in self._modules:
            line = module.line_of(effect)
            if line is not None:
                return module.name, line
        return None

    def _call_hooks(self) -> None:
        for module, before in self._before.items():
            hook = module.namespace.get("__reload__")
            if module in self._changed and callable(hook):
                hook(before)


_NOTHING = compile("", "<reloadls>", "exec")


def _is_class(statement: Statement) -> bool:
    nodes = statement.facts.nodes
    return len(nodes) == 1 and isinstance(nodes[0], ast.ClassDef)


def _owner(node: ast.expr) -> str | None:
    """`config` of `config.parser.read`."""
    if not isinstance(node, ast.Attribute):
        return None
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _binders(module: LoadedModule, name: str) -> int:
    return sum(name in each.facts.uses.binds for each in module.source.statements)


def _member(code: CodeType, cls: type) -> str:
    """Which attribute of the class a code object belongs to."""
    prefix = cls.__qualname__ + "."
    return code.co_qualname.removeprefix(prefix).partition(".")[0] if code.co_qualname.startswith(prefix) else ""


_VALUES = (bool, int, float, complex, str, bytes, type(None))


def _same_value(one: Any, other: Any) -> bool:
    """Whether nobody can tell them apart, so that nothing depends on which it is."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, (tuple, frozenset)) and type(one) in (tuple, frozenset):
        return (
            len(one) == len(other)
            and all(type(each) in _VALUES for each in (*one, *other))
            and one == other
            and repr(one) == repr(other)
        )
    return type(one) in _VALUES and bool(one == other) and repr(one) == repr(other)


def _same_calls(one: Any, other: Any) -> bool:
    """Whether two functions that come from the same text do the same."""
    if not (isinstance(one, FunctionType) and isinstance(other, FunctionType)):
        return False
    plain = not (one.__kwdefaults__ or other.__kwdefaults__ or other.__closure__)
    return plain and _same_value(one.__defaults__, other.__defaults__)


def _running_line(module: LoadedModule) -> int | None:
    running = module.running() if module.loading_in is not None else None
    return None if running is None else running.first


def _forget_new_modules(modules: Modules, before: set[str]) -> None:
    """Have modules loaded anew that a commit had loaded before it failed."""
    for name in modules.names() - before:
        found = modules.named(name)
        if found is not None:
            sys.modules.pop(name, None)
            modules.drop(found)


@contextmanager
def _alone() -> Iterator[None]:
    """Keep other threads from running Python in between, as long as nothing waits."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(10.0)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
