"""Apply a plan: patch functions, run statements and what depends on them, in order, all or nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from types import CodeType
from typing import TYPE_CHECKING
from weakref import ref

from reloadls.reload.engine.adapting import Adapters
from reloadls.reload.engine.analysis.codes import all_codes
from reloadls.reload.engine.analysis.diff import Step
from reloadls.reload.engine.analysis.statements import Facts, Statement
from reloadls.reload.engine.objects.adopt import caches_of, inner_functions, lead_on_documents
from reloadls.reload.engine.objects.changes import Change
from reloadls.reload.engine.objects.classes import CantBeLive
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.objects.contents import is_overwritten
from reloadls.reload.engine.objects.functions import Functions, set_code
from reloadls.reload.engine.objects.instances import hashes_differ, holders_by_hash, place_keys
from reloadls.reload.engine.objects.running import Noted, codes_of_tasks, frames_of_threads, old_code
from reloadls.reload.engine.pinned.versions import Versions
from reloadls.reload.engine.program.dependents import value_at
from reloadls.reload.engine.program.imports.relocation import imports_module
from reloadls.reload.engine.program.imports.stars import names_to_come
from reloadls.reload.engine.program.layers import out_of_order
from reloadls.reload.engine.program.lines import follow_calls
from reloadls.reload.engine.program.modules import LoadedModule, Modules
from reloadls.reload.engine.program.twice import is_known_already, is_too_late
from reloadls.reload.engine.undo import MISSING, Undo

from .derived import refresh, refresh_docstring
from .lost import lost_by
from .plan import ModulePlan, Work, annotated
from .remembered import class_of_method, forget_computed
from .rerun import Rerun
from .rerun.idle import Puts
from .rerun.stars import Stars
from .schedule import Due, Schedule
from .shortfalls.no_more_imported import left_without_import
from .shortfalls.running_defaults import Given, given_defaults
from .transaction import Changed, Transaction

if TYPE_CHECKING:
    from reloadls.reload.report import Note

__all__ = ["Changed", "Commit"]

Relocate = Callable[[Undo], tuple[list[str], list[LoadedModule]]]
"""Puts modules where they are now; answers the names that they had, and the modules."""


class Commit:
    """One transaction. `run` either makes all of it live, or raises and leaves the program as it was."""

    def __init__(
        self, modules: Modules, functions: Functions, versions: Versions, adapters: Adapters, work: Work
    ) -> None:
        self._versions = versions
        self._shared = Transaction(modules, functions, adapters, work)
        self._schedule = Schedule(self._shared)
        self._stars = Stars(self._shared, self._schedule)
        self._rerun = Rerun(self._shared, self._schedule, self._stars)
        self._suspended: list[CodeType] = []
        """The old code that generators and coroutines wait in."""
        self._given: list[Given] = []
        """The defaults that running calls have got."""
        self.still_running: list[Noted] = []
        """The old code that was running at the end."""
        self.files_taken: list[str] = []
        """Those of the other files that a library has made something of."""
        self.at_work: LoadedModule | None = None
        """The module whose statement was run last."""

    @property
    def notes(self) -> tuple[Note, ...]:
        """What differs from a fresh start, once it was run."""
        return self._shared.notes.collected()

    def run(self, relocate: Relocate | None = None) -> Changed:
        """Make the plan live. Raises whatever the program's statements raise, and CantBeLive."""
        with self._versions.commit():
            try:
                self._run(relocate)
            except BaseException:
                self._shared.undo.take_back()
                self._shared.notes.clear()
                raise
            finally:
                self._suspended.clear()
                self._given.clear()
                self._shared.let_go()
            self._shared.undo.finish()
        self._shared.before.clear()
        self._rerun.note_tuples()
        self._note_what_is_held()
        return self._shared.changed

    def _run(self, relocate: Relocate | None) -> None:
        shared, schedule, work = self._shared, self._schedule, self._shared.work
        if schedule.edited() or work.runs_more or relocate:
            shared.remember()
        self._given = given_defaults(shared.modules)
        names, moved = relocate(shared.undo) if relocate else ([], [])
        self._swap()
        for plan in work.plans:
            self._take(plan)
        schedule.put_in_order()
        for module in moved:
            if shared.modules.named(module.name) is not module:
                self._remove_module(module)
        self.files_taken = [path for path in work.files if shared.adapters.file_changed(path, shared.undo)]
        self._spread(names)
        for plan in work.plans:
            self._forget_annotations(plan)
        self._run_statements()
        while self._rerun.later.bring_back():
            self._run_statements()
        shared.registrations.settle(shared.all_given)
        refresh(work.plans, shared.modules, shared.compiled, shared.undo)
        for module, known in shared.annotations.items():
            known.settle(module.source, module.path, shared.undo)
        self._note_what_is_left()
        try:
            shared.adapters.after(shared.undo, shared.places())
            if shared.adapters.made_again():
                shared.used.calls_were_made_again()
        except Exception as error:
            self._check_not_known_already(error, "what made an application")
            raise
        self._note_what_still_runs()
        self._note_defaults()
        self._note_shortfalls()
        self._place_keys()
        self._call_hooks()

    def _run_statements(self) -> None:
        for due in self._schedule:
            self.at_work = due.module
            self._run_statement(due)

    def _run_statement(self, due: Due) -> None:
        """Raises what the statement raises; CantBeLive where that comes of its having run before."""
        try:
            self._rerun.run(due.module, due.step)
        except Exception as error:
            where = f"line {due.step.statement.first}"
            if due.step.before is not None:
                self._check_not_known_already(error, where)
            if is_too_late(error, self._shared.modules):
                raise CantBeLive(f"{where} comes too late: {_in_one_line(error)}") from error
            raise

    def _check_not_known_already(self, error: Exception, what: str) -> None:
        if is_known_already(error, self._shared.modules):
            raise CantBeLive(f"{what} can't run a second time: {_in_one_line(error)}") from error

    def _note_what_still_runs(self) -> None:
        if not self._shared.work.plans:
            return
        running = [*frames_of_threads(), *codes_of_tasks()]
        self._shared.used.note(self._shared.notes, [code for code, _ in running])
        suspended = set(map(id, self._suspended))
        for plan in self._shared.work.plans:
            codes = [code for code, space in running if space is plan.module.namespace]
            codes += [swap.old for swap in plan.swaps if id(swap.old) in suspended]
            for old, new in old_code(plan.module.codes.values(), codes):
                why = "its old code is still running" if new else "it was removed, but is still running"
                effect = "; the edit applies from its next call" if new else ""
                if kept := self._keep_names(plan.module, old):
                    effect += f"; until then {', '.join(kept)} stays for it"
                note = self._shared.notes.add(
                    "stillRunning",
                    f"{old.co_qualname}: {why}{effect}",
                    module=plan.module,
                    line=new.co_firstlineno if new else None,
                    name=old.co_qualname,
                )
                self.still_running.append(Noted(note, ref(old), id(old) in suspended))

    def _note_defaults(self) -> None:
        """Note the calls that go on with a default that is another one now."""
        noted = {each.note.name for each in self.still_running}
        for module, code, argument, _ in filter(Given.is_another_now, self._given):
            if code.co_qualname not in noted:
                what = f"{code.co_qualname}: it is still running with the default of {argument} from before"
                note = self._shared.notes.add(
                    "stillRunning",
                    f"{what}; the edit applies from its next call",
                    module=module,
                    line=next(
                        (
                            each.first
                            for each in module.source.statements
                            if code.co_qualname.partition(".")[0] in each.facts.uses.binds
                        ),
                        None,
                    ),
                    name=code.co_qualname,
                )
                self.still_running.append(Noted(note, ref(code), suspended=False))

    def _keep_names(self, module: LoadedModule, running: CodeType) -> list[str]:
        """Give a module names back that were removed, but that code which still runs would look for."""
        used = {name for code in all_codes([running]) for name in code.co_names}
        kept = sorted(name for name in used if (module.name, name) in self._schedule.unbound)
        kept = [name for name in kept if name not in module.namespace]
        for name in kept:
            self._shared.undo.set_item(module.namespace, name, self._schedule.unbound[module.name, name])
        return kept

    def _spread(self, names: Collection[str]) -> None:
        """Have everything run that follows from what is different, before the first statement is."""
        for module, statement in self._shared.work.again:
            self._forget_what_it_cached(module, statement)
            self._schedule.push(module, statement)
        self._push_importers(names)
        for plan in self._shared.work.plans:
            self._put_in_order(plan)
        for plan in self._last_first():
            self._remove(plan)
        for due in self._schedule.edited():
            if due.step.before is not None:
                self._schedule.dispose(due.module, due.step.before)
        for plan in self._shared.work.plans:
            if refresh_docstring(plan, self._shared.undo):
                self._schedule.emit((plan.module.name, "__doc__"))
            for name in plan.bodies:
                self._body_changed(plan.module, name)
            for name in plan.documents:
                self._schedule.emit((plan.module.name, f"{name}.@"))

    def _forget_what_it_cached(self, module: LoadedModule, statement: Statement) -> None:
        """What has read a file that is another now may have had a cached function do so."""
        for home, name in module.calls.get(statement.facts, ()):
            other = self._shared.modules.named(home)
            cache = None if other is None else other.namespace.get(name)
            if type(cache) is functools._lru_cache_wrapper:
                self._shared.forget_calls(cache)
                self._schedule.emit((home, name), body=True)

    def _last_first(self) -> list[ModulePlan]:
        """What is gone is no longer seen as what comes after another: it has to go before that."""
        plans = list(self._shared.work.plans)
        return sorted(plans, key=lambda plan: plan.module.place(), reverse=True) if len(plans) > 1 else plans

    def _put_in_order(self, plan: ModulePlan) -> None:
        """What statements did that have changed places is brought about again, in the order in which they are now."""
        moved, passed = out_of_order(plan.steps, plan.module.effects), list(self._passed(plan))
        moved += [step for step in {id(one): one for one, _ in passed}.values() if step not in moved]
        moved.sort(key=lambda step: step.before.first if step.before is not None else 0)
        effects = [each for step in moved for each in plan.module.effects[step.statement.facts]]
        self._shared.traces.moving = {id(each.change) for each in effects}
        for step in reversed(moved):
            if step.before is not None:
                codes = self._shared.old_codes.get(step.before.facts, ())
                self._shared.remember()
                self._rerun.later.clear(plan.module, step.statement, plan.module.effects.get(step.statement.facts, ()))
                self._shared.traces.take_back(plan.module, step.before, codes, step.statement.facts)
                self._schedule.run_whole(plan.module, step.statement)
        for _, other in passed:
            self._schedule.run_whole(plan.module, other.statement)
        self._shared.traces.moving.clear()

    def _passed(self, plan: ModulePlan) -> Iterator[tuple[Step, Step]]:
        """Statements that stand below others now that had done nothing, since they had done it; with those others."""
        steps = [(step, step.before.first, step.statement.first) for step in plan.steps if step.before is not None]
        if all(one[1] < other[1] for one, other in pairwise(steps)):
            return
        for step, before, now in steps:
            changes = [each.change for each in plan.module.effects.get(step.statement.facts, ()) if each.change]
            lost = [each for change in changes for each in lost_by(change)]
            for other, was, at in steps if lost else ():
                facts = other.statement.facts
                idle = before < was and now > at and facts.uses.now.calls and not plan.module.effects.get(facts)
                if idle and any(map(Puts(self._shared.modules, plan.module, other.statement).may_put, lost)):
                    yield step, other

    def _push_importers(self, names: Collection[str]) -> None:
        """What imports a module by a name that it had must find out what that name means now."""
        for module in self._shared.modules if names else ():
            for statement in module.source.statements:
                if any(imports_module(module, statement, name) for name in names):
                    self._schedule.push(module, statement)

    def _swap(self) -> None:
        swaps = [swap for plan in self._shared.work.plans for swap in plan.swaps]
        if not swaps:
            return
        spaces = [plan.module.namespace for plan in self._shared.work.plans]
        patched = []
        for function, swap in self._shared.functions.running(swaps, spaces, self._shared.modules.spaces()):
            if set_code(function, swap.new, self._shared.undo) and not swap.moved_only:
                self._versions.changed(function, swap.old)
                lead_on_documents(function, self._shared.undo)
                patched.append(function)
        for swap in swaps:
            if not swap.moved_only:
                self._versions.swapped(swap.old, swap.new)
        self._suspended, self._shared.functions.suspended = self._shared.functions.suspended, []
        if patched:
            values = [value for space in self._shared.modules.spaces() for value in list(space.values())]
            methods = {inner for function in patched for inner in inner_functions(function)}
            classes = {id(cls): cls for each in methods if (cls := class_of_method(each, self._shared.modules))}
            values += [value for cls in classes.values() for value in list(vars(cls).values())]
            for cache in caches_of(patched, values):
                self._shared.forget_calls(cache)
            forget_computed(patched, self._shared.modules, self._shared.undo)
            self._shared.adapters.functions_changed(patched, self._shared.undo)

    def _take(self, plan: ModulePlan) -> None:
        module = plan.module
        self._shared.save(module)
        self._shared.old_codes.update(module.codes)
        for step in plan.steps:
            if step.before is not None:
                self._shared.traces.lines_before[step.statement.facts] = step.before.first
        self._shared.annotations_of(module).take(plan.steps, plan.source, self._shared.undo)
        came_from = {step.statement.facts: step.before.facts for step in plan.steps if step.before}
        module.take(plan.text, plan.source, plan.codes, came_from)
        follow_calls(code for codes in plan.codes.values() for code in codes)
        self._shared.compiled.update(plan.compiled)
        if plan.changed:
            self._shared.add_changed(module, plan.changed)

    def _forget_annotations(self, plan: ModulePlan) -> None:
        known = plan.module.namespace.get("__annotations__")
        if type(known) is dict and (gone := plan.annotated_before - annotated(plan.source)):
            for name in gone & known.keys():
                self._shared.undo.set_item(known, name, MISSING)

    def _body_changed(self, module: LoadedModule, name: str) -> None:
        self._schedule.emit((module.name, name), body=True)
        outer = name.rpartition(".")[0]
        if outer:
            self._schedule.emit((module.name, f"{outer}.*"))

    def _remove(self, plan: ModulePlan) -> None:
        module = plan.module
        bound = {name for each in plan.source.statements for name in _given(each)}
        classes = {name for each in plan.difference.removed if each.facts.is_class for name in each.facts.uses.binds}
        if moved := classes & self._new_classes():
            for each in plan.source.statements:  # a star import brings back what was moved to where it takes it from
                bound |= moved & names_to_come(self._shared.modules, module, each)
        for each in plan.source.statements if plan.difference.removed else ():
            bound |= self._stars.still_brought(module, each)
        unnamed = {each.facts: module.bound_by(each.facts) for each in plan.difference.removed}
        for statement in reversed(plan.difference.removed):
            self._schedule.dispose(module, statement)
            here = replace(statement, first=self._shared.traces.line_now(module, statement, statement.facts))
            self._rerun.later.clear(module, here, module.effects.get(statement.facts, ()))
            self._shared.add_unseen(module, statement)
            self._shared.traces.take_back(module, statement, self._shared.old_codes.get(statement.facts, ()))
            self._shared.add_changed(module, [])
        self._schedule.environment_may_differ()
        for statement in plan.difference.removed:
            brought = self._stars.brought(module, statement) if statement.facts.uses.star else set()
            self._stars.push_above(module, statement, brought)
            for name in sorted((statement.facts.uses.binds | unnamed[statement.facts] | brought) - bound):
                self._schedule.unbind(module, name)
            self._rerun.followers.mutated(module, statement)

    def _new_classes(self) -> set[str]:
        """The names of classes that edited modules did not define before."""
        steps = (step for plan in self._shared.work.plans for step in plan.steps if step.before is None)
        return {name for step in steps if step.statement.facts.is_class for name in step.statement.facts.uses.binds}

    def _remove_module(self, module: LoadedModule) -> None:
        """A module that is gone takes with it what it did."""
        for statement in reversed(module.source.statements):
            list(self._shared.traces.dispose_of(module, statement.facts.uses.binds))
            self._shared.traces.take_back(module, statement, module.codes.get(statement.facts, ()))
        for statement in module.source.statements:
            self._rerun.followers.mutated(module, statement)
        self._schedule.environment_may_differ()
        self._shared.add_changed(module, [])

    def _place_keys(self) -> None:
        """Instances that are keys of dictionaries are found by their hash, which may be another one."""
        for module, names in self._shared.changed.items():
            by_owner: dict[str, list[str]] = {}
            for name in names:
                owner, _, last = name.rpartition(".")
                by_owner.setdefault(owner or name, []).append(last)
            for owner, attributes in by_owner.items():
                cls = value_at(module, tuple(owner.split(".")))
                for holder in holders_by_hash(cls) if is_a(cls, type) and hashes_differ(cls, attributes) else ():
                    if is_a(holder, frozenset):
                        message = f"a frozenset holds {owner} objects by their former hash; restart to make it anew"
                        self._shared.notes.add(
                            "stillHeld", message, module=module, line=_first_line(module, owner), name=owner
                        )
                    else:
                        self._shared.undo.at_the_end(partial(place_keys, holder))

    def _note_shortfalls(self) -> None:
        """What adapters have to say."""
        for each in self._shared.adapters.notes():
            about = each.about
            module = self._shared.modules.named(about.__module__) if about is not None else None
            line = None if module is None or about is None else _first_line(module, about.__qualname__)
            name = None if about is None else about.__qualname__
            self._shared.notes.add(each.code, each.message, module=module, line=line, name=name)

    def _note_what_is_held(self) -> None:
        shared = self._shared
        shared.given, shared.all_given, shared.traces.taken = [], [], []
        shared.given_anew.clear()
        shared.traces.gave.clear()
        shared.stale.clear()
        shared.unseen.clear()
        shared.held.note(shared.notes, shared.used)

    def _note_what_is_left(self) -> None:
        for module, facts, left, change in self._shared.traces.left:
            if change is not None and self._does_not_matter(change):
                continue
            self._note_not_undone(module, facts, left)
        for module, facts, act in self._shared.unseen:
            if act.is_left(module):
                self._note_not_undone(module, facts, str(act))
        work = self._shared.work
        for importer, line, module in left_without_import(self._shared.modules, work.plans):
            message = f"{module.name} is not imported any more; restart to be without what it did when it was loaded"
            self._shared.notes.add("notUndone", message, module=importer, line=line, name=module.name)

    def _note_not_undone(self, module: LoadedModule, facts: Facts, left: str) -> None:
        line = next((each.first for each in module.source.statements if each.facts is facts), None)
        self._shared.notes.add("notUndone", f"could not be taken back: {left}", module=module, line=line)

    def _does_not_matter(self, change: Change) -> bool:
        """Whether what could not be taken back was set anew, or is of an object that the program has dropped."""
        if change.whole is None:
            return False
        owner = change.owner
        for each in self._shared.all_given if is_overwritten(owner) else ():
            if each.owner is owner and each.whole is not None:
                each.whole = (change.whole[0], each.whole[1])  # for when that is taken back
                return True
        names = [
            (module, name)
            for module, space in self._shared.before.items()
            for name, value in space.items()
            if value is owner
        ]
        return bool(names) and all(module.namespace.get(name) is not owner for module, name in names)

    def _call_hooks(self) -> None:
        for module in list(self._shared.changed):
            hook = module.namespace.get("__reload__")
            if callable(hook):
                self._shared.remember()
                hook(self._shared.before[module])


def _given(statement: Statement) -> set[str]:
    """The names that a statement binds without a need for what they mean already (`NAMES += [...]`)."""
    uses = statement.facts.uses
    return uses.binds - {chain[0] for chain in uses.now.reads} if uses.value else uses.binds


def _first_line(module: LoadedModule, qualname: str) -> int | None:
    """Of the statement that defines something."""
    name = qualname.partition(".")[0]
    return next((each.first for each in module.source.statements if name in each.facts.uses.binds), None)


def _in_one_line(error: Exception) -> str:
    text = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {text}"
