"""What all parts of one commit share: the program, the work to do, and how to take it back."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from types import CodeType
from typing import Any

from reloadls.reload.engine.adapting import Adapters
from reloadls.reload.engine.analysis.bytecode import names_in
from reloadls.reload.engine.analysis.statements import Facts, Statement, has_handled
from reloadls.reload.engine.objects.changes import Change, Snapshot
from reloadls.reload.engine.objects.classes import CantBeLive
from reloadls.reload.engine.objects.functions import Functions
from reloadls.reload.engine.objects.lazy import ModuleAnnotations
from reloadls.reload.engine.program.candidates import snapshot, starts_of
from reloadls.reload.engine.program.dependents import value_at
from reloadls.reload.engine.program.effects import Effect, Recorder
from reloadls.reload.engine.program.lines import Lines, can_watch
from reloadls.reload.engine.program.modules import Codes, LoadedModule, Modules
from reloadls.reload.engine.program.reading import read_by
from reloadls.reload.engine.program.registrations import Registrations
from reloadls.reload.engine.transaction.shortfalls.notes import Notes
from reloadls.reload.engine.undo import MISSING, Undo

from .derived import forget_kinds
from .plan import Work
from .shortfalls.held import Held
from .shortfalls.unseen import Unseen, unseen_acts
from .shortfalls.used import Used
from .traces import Traces

__all__ = ["Changed", "Transaction"]

_MOST = 3_000
"""How many objects are looked at for one line of a statement that is run again."""

Changed = dict[LoadedModule, list[str]]
"""Module -> the qualified names that run new code."""


class Transaction:
    """One commit's data."""

    def __init__(self, modules: Modules, functions: Functions, adapters: Adapters, work: Work) -> None:
        self.modules = modules
        self.functions = functions
        self.adapters = adapters
        self.work = work
        self.undo = Undo()
        self.registrations = Registrations(modules.spaces(), modules.names())
        self.traces = Traces(modules, functions, self.registrations, adapters, self.undo)
        self.compiled: dict[Facts, CodeType] = {}
        self.old_codes: Codes = {}
        """What statements made, as they were before."""
        self.classes_changed = False
        """What is remembered of classes is of before."""
        self.before: dict[LoadedModule, dict[str, Any]] = {}
        """The modules' names, as they were before."""
        self.forgotten: dict[tuple[LoadedModule, str], Any] = {}
        """What names meant when they were unbound for a statement that runs again."""
        self.changed: Changed = {}
        self.notes = Notes()
        """What will differ from a fresh start; dropped if the commit is taken back."""
        self.held = Held()
        """What names no longer mean."""
        self.used = Used()
        """What used names before they changed."""
        self.unseen: list[tuple[LoadedModule, Facts, Unseen]] = []
        """What statements that are gone, or run again, did to objects that can't be looked at."""
        self.stale: dict[int, Any] = {}
        """Cached functions whose calls do something else: id -> the function."""
        self._remembered = False
        self.all_given: list[Change] = []
        self.given_anew: set[int] = set()
        """The ids of those that are in places where their statements had put nothing before."""
        self.annotations: dict[LoadedModule, ModuleAnnotations] = {}
        self.given: list[Change] = []
        """What the statement that runs has changed."""
        self._saved: set[LoadedModule] = set()

    def add_changed(self, module: LoadedModule, names: Iterable[str] = ()) -> None:
        """Report these names as running new code."""
        known = self.changed.setdefault(module, [])
        known.extend(name for name in names if name not in known)

    def add_unseen(self, module: LoadedModule, before: Statement, now: Statement | None = None) -> None:
        """A statement is about to be taken back."""
        facts = before.facts if now is None else now.facts
        acts = unseen_acts(module, before, now)
        self.unseen += [(module, facts, each) for each in acts if self._was_there(module, each)]

    def _was_there(self, module: LoadedModule, act: Unseen) -> bool:
        """Whether the object that a name leads to is the one that it led to before the commit."""
        value: Any = self.before.get(module, module.namespace).get(act.chain[0])
        for name in act.chain[1:]:
            loaded = self.modules.of(value)
            if loaded is None:
                return value is value_at(module, act.chain[:1])
            value = self.before.get(loaded, loaded.namespace).get(name)
        return value is act.owner

    def forget_names(self, module: LoadedModule, names: Iterable[str]) -> None:
        """Unbind names that a statement has bound by another way than its text, before it runs again."""
        for name in names:
            self.remember()
            if name in module.namespace:
                self.forgotten[module, name] = module.namespace[name]
            self.undo.set_item(module.namespace, name, MISSING)

    def forget_calls(self, cache: Any) -> None:
        """A cached function does something else: forget its calls before a statement uses it, else at the end."""
        self.stale[id(cache)] = cache
        self.undo.at_the_end(cache.cache_clear)

    def code(self, module: LoadedModule, statement: Statement) -> CodeType:
        """A statement's code, compiled for where it stands."""
        code = self.compiled.get(statement.facts)
        if code is None:
            code = self.compiled[statement.facts] = module.at_its_place(statement)
        return code

    def noting(self, module: LoadedModule, statement: Statement) -> AbstractContextManager[None]:
        """Note what a statement does while it runs, and have it undone if the commit is taken back."""
        facts = statement.facts

        def note(line: int, effect: Effect) -> None:
            if effect.forks:
                raise CantBeLive(f"line {line} forks the process, which a reload does not do")
            effect.line = line - statement.first + 1
            module.effects.setdefault(facts, []).append(effect)
            if effect.change is not None:
                self.given.append(effect.change)
                self.all_given.append(effect.change)
                if not self.traces.had_given(facts, effect.change):
                    self.given_anew.add(id(effect.change))
                self.undo.add(effect.change.restore)
            if effect.undo is not None and not effect.at_once:
                self.undo.add(effect.undo)

        return Recorder.noting(module.namespace, note)

    def execute(
        self, module: LoadedModule, statement: Statement, code: CodeType, *, part: Sequence[ast.stmt] | None = None
    ) -> None:
        """Run a statement's code, or that of a part of it, and note what it changes; raises what it raises."""
        self.remember()
        if self.classes_changed:
            self.classes_changed = False
            forget_kinds(self.modules)
        for key in (
            self.stale.keys() & read_by(self.modules, module, statement, tables=True).keys() if self.stale else ()
        ):
            cache = self.stale.pop(key)
            self.undo.add(cache.cache_clear)  # what it keeps from now on comes of the new code
            cache.cache_clear()
        self.given = []
        before = snapshot(starts_of(names_in(code), module.namespace), self.modules.owns, most=_MOST)
        self.undo.add(partial(_restore, before))
        with self.noting(module, statement), self.annotations_of(module).running(statement, code, part=part):
            changed, bound, calls = self._changed(module), self._bound(module), _CallsAgain(module, statement)
            lines = Lines(module.namespace, changed, bound, self.modules.owns, calls, most=_MOST)
            if lines.run(code) and not module.recorded:
                module.watched.add(statement.facts)
            if part is None:
                module.handled.discard(statement.facts)
            if has_handled(statement, lines.ran):
                module.handled.add(statement.facts)
        self.adapters.ran(module.name, self.undo)

    def annotations_of(self, module: LoadedModule) -> ModuleAnnotations:
        """What is to be known of a module's annotations; made from the statements that it has when first asked for."""
        if module not in self.annotations:
            self.annotations[module] = ModuleAnnotations(module.namespace, module.source)
        return self.annotations[module]

    def _changed(self, module: LoadedModule) -> Callable[[int, Change], None]:
        def changed(line: int, change: Change) -> None:
            Recorder.note_at(module.namespace, line, Effect(change=change))

        return changed

    def _bound(self, module: LoadedModule) -> Callable[[int, frozenset[str]], None]:
        def bound(line: int, names: frozenset[str]) -> None:
            Recorder.note_at(module.namespace, line, Effect(bound=names))

        return bound

    def save(self, module: LoadedModule) -> None:
        """Have what is known of a module be as it is now when the commit is taken back."""
        if module not in self._saved:
            self._saved.add(module)
            self.undo.add(partial(module.restore, module.state()))

    def remember(self) -> None:
        """Have all that statements may change restored if the commit is taken back."""
        if self._remembered:
            return
        self._remembered = True
        self.undo.restore_namespaces(self.modules.spaces())
        self.undo.add(partial(_restore_environment, dict(os.environ)))
        if not can_watch():
            self.registrations.restore_with(self.undo)
        self.undo.add(partial(_forget_new_modules, self.modules, set(self.modules.names())))
        self.before = {module: dict(module.namespace) for module in self.modules}
        self.adapters.before(self.undo, self.modules.spaces())

    def let_go(self) -> None:
        """Hold no code object and no former value any more: reference counts say who holds one."""
        for plan in self.work.plans:
            plan.swaps.clear()
            plan.compiled.clear()
        self.compiled.clear()
        self.old_codes.clear()
        self.traces.former.clear()

    def places(self) -> Callable[[Effect], tuple[str, int] | None]:
        """Which statement has brought an effect about, as things are now: its module and first line."""
        found: dict[int, tuple[Effect, tuple[str, int]]] = {}

        def place(effect: Effect) -> tuple[str, int] | None:
            if not found:  # few commits ask, and then for many
                for module in reversed(list(self.modules)):
                    for each, line in module.lines_of_effects():
                        found[id(each)] = each, (module.name, line)
            known = found.get(id(effect))
            return known[1] if known is not None and known[0] is effect else None

        return place


class _CallsAgain:
    """The functions that run when a statement does so again."""

    def __init__(self, module: LoadedModule, statement: Statement) -> None:
        self._module = module
        self._facts = statement.facts

    def called(self, _line: int, module: str, function: str) -> None:
        self._module.called_by(self._facts, (module, function))

    def made(self, name: str, copy: object) -> None:
        self._module.copies[name] = copy


def _restore(before: Snapshot) -> None:
    for change in before.changes():
        change.restore()


def _restore_environment(before: dict[str, str]) -> None:
    if dict(os.environ) != before:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def _forget_new_modules(modules: Modules, before: set[str]) -> None:
    """Have modules loaded anew that a commit had loaded before it failed."""
    for name in modules.names() - before:
        found = modules.named(name)
        if found is not None:
            if sys.modules.get(name) is found.module:
                del sys.modules[name]
            modules.drop(found)
