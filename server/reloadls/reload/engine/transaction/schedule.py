"""Which statements a commit must run, in the program's order, as changes spread to dependents."""

from __future__ import annotations

import functools
import heapq
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from reloadls.reload.engine.analysis.diff import Step, Way, is_block, stands_alone
from reloadls.reload.engine.analysis.statements import Facts, Statement
from reloadls.reload.engine.objects.classes import leave_bases
from reloadls.reload.engine.objects.containers import home_of, is_a
from reloadls.reload.engine.objects.instances import is_in_use
from reloadls.reload.engine.program.dependents import Key, Use, dependents
from reloadls.reload.engine.program.imports.earlier import imported_earlier
from reloadls.reload.engine.program.modules import LoadedModule
from reloadls.reload.engine.undo import MISSING

from .plan import Work, grows_in_place
from .remembered import Remembered
from .shortfalls.used import MODULE, constructors_that_read
from .transaction import Transaction

__all__ = ["MOST_RUNS", "Due", "Schedule"]

MOST_RUNS = 2
"""How often a statement is run in one commit: modules that import each other need a second time."""


@dataclass(order=True)
class Due:
    """A statement that is to be run, the first in the order of the program first."""

    place: tuple[float, ...]
    module: LoadedModule = field(compare=False)
    step: Step = field(compare=False)

    @property
    def triggered(self) -> bool:
        """It runs again because of something else, its text being the same."""
        return _is_triggered(self.step)


class Schedule:
    """The statements that are due."""

    def __init__(self, shared: Transaction) -> None:
        self._shared = shared
        self._imported: dict[LoadedModule, tuple[LoadedModule, int]] = {}
        self._line = [self._due(*each) for each in _edited(shared.work)]
        self._planned = {due.step.statement.facts for due in self._line}
        self.runs: Counter[Facts] = Counter()
        self.in_parts: set[Facts] = set()
        """Blocks of which only parts have run."""
        self.whole: set[Facts] = set()
        """Those that have to run as a whole, whatever was edited in them."""
        self.keys: set[Key] = set()
        """All values that changed."""
        self.bodies: set[Key] = set()
        """All functions whose calls do something else."""
        self._by_name: set[Facts] = set()
        """Those that run again for nothing but what they read or call."""
        self.unbound: dict[tuple[str, str], object] = {}
        """What the names stood for that were removed from a module."""
        self._environment = dict(os.environ)
        """As it was when statements last looked at it."""
        self._remembered = Remembered(shared, self.emit)

    def put_in_order(self) -> None:
        """Have the edited statements run in the order of the modules' present sources."""
        plans = self._shared.work.plans
        if len(plans) > 1:
            self._imported = imported_earlier(self._shared.modules, [plan.module for plan in plans])
            self._line = [self._due(due.module, due.step) for due in self._line]
        heapq.heapify(self._line)

    def _due(self, module: LoadedModule, step: Step) -> Due:
        """With its place: after what it imports."""
        return Due((*module.place(self._imported), step.statement.first, math.inf), module, step)

    def __iter__(self) -> Iterator[Due]:
        """Each that is due; others may be added meanwhile."""
        while self._line:
            due = heapq.heappop(self._line)
            facts = due.step.statement.facts
            if self.runs[facts] < self._most(due):
                self.runs[facts] += 1
                yield due

    def _most(self, due: Due) -> int:
        several = len(self._shared.work.plans) > 1 or due.step.statement.facts in self.whole
        several = several or (due.step.statement.facts in self.in_parts and self.may_run_in_parts(due.step))
        return MOST_RUNS if due.triggered and several else 1

    def run_whole(self, module: LoadedModule, statement: Statement) -> bool:
        """Have a statement run as a whole; False if that can't be any more."""
        if self.runs[statement.facts] >= MOST_RUNS or self.is_running(module, statement):
            return False
        self.whole.add(statement.facts)
        self.push(module, statement)
        return True

    def environment_may_differ(self) -> None:
        """A statement has run or was taken back: if that changed the environment, what was read from there follows."""
        before, now = self._environment, dict(os.environ)
        if now == before:
            return
        self._environment = now
        names = {name for name in {*before, *now} if before.get(name) != now.get(name)}
        for module in self._shared.modules:
            for statement in module.source.statements if reads_environment(module.text) else ():
                facts = statement.facts
                made = facts.uses.value and facts.uses.binds
                if made and not names.isdisjoint(facts.words) and reads_environment(facts.text):
                    self.push(module, statement)

    def edited(self) -> list[Due]:
        """Those that are due because their text changed."""
        return [due for due in self._line if not due.triggered]

    def is_edited(self, statement: Statement) -> bool:
        """Whether its text is another."""
        return statement.facts in self._planned

    def is_due_by_name(self, statement: Statement) -> bool:
        """Whether nothing but a name that it reads or calls has a statement run again."""
        return statement.facts in self._by_name

    def may_run_in_parts(self, step: Step) -> bool:
        """Whether a block can do with running what is affected in it."""
        facts = step.statement.facts
        return _is_triggered(step) and facts in self._by_name and is_block(facts.nodes[0]) and len(facts.nodes) == 1

    def push(
        self,
        module: LoadedModule,
        statement: Statement,
        known: frozenset[Statement] = frozenset(),
        *,
        by_name: bool = False,
    ) -> None:
        """Have a statement run again, and those that bind the same name.

        Args:
            module: whose it is.
            statement: which.
            known: those that are pushed for the same reason.
            by_name: it reads or calls what is different.
        """
        planned = statement.facts in self._planned and not self.runs[statement.facts]
        if planned or self.is_running(module, statement):
            return
        if not by_name:
            self._by_name.discard(statement.facts)
        elif not any(due.step.statement.facts is statement.facts for due in self._line):
            self._by_name.add(statement.facts)
        step = Step(Way.RUN, statement, statement)
        heapq.heappush(self._line, self._due(module, step))
        uses = statement.facts.uses
        names = uses.binds - uses.passing - {"_"}
        for other in module.source.statements:  # what binds the same name is one with it
            binds_it = other is not statement and not names.isdisjoint(other.facts.uses.binds)
            binds_it = binds_it and not (stands_alone(other) and stands_alone(statement))
            binds_it = binds_it and not any(grows_in_place(each, module.namespace) for each in (statement, other))
            if binds_it and other not in known and (not self.runs[other.facts] or other.first > statement.first):
                self.push(module, other, known | {statement})

    def is_running(self, module: LoadedModule, statement: Statement) -> bool:
        """Whether it is not done yet: the one that a script lives in, and those after it."""
        line = _running_line(module)  # where it is now: the edit may have moved it
        return line is not None and statement.last >= line

    def emit(
        self, key: Key, *, body: bool = False, only: Callable[[LoadedModule, Statement], bool] | None = None
    ) -> None:
        """Have the statements run that depend on a name; with `only`, those of which that is true."""
        (self.bodies if body else self.keys).add(key)
        self._remembered.forget_names(key, body=body)
        if body and "." in key[1]:
            self._remembered.forget_what_may_call(key[1].rpartition(".")[2])
        users: list[tuple[LoadedModule, str, Use]] = []

        def uses_it(module: LoadedModule, name: str, use: Use) -> None:
            self._remembered.forget_calls(module, name)
            self.bodies.add((module.name, name))
            users.append((module, name, use))

        for module, statement in dependents(self._shared.modules, key, body=body, on_function=uses_it):
            if only is not None and not only(module, statement):
                continue
            if self.runs[statement.facts] < MOST_RUNS:
                self.push(module, statement, by_name=True)
            if self.is_running(module, statement):
                users.append((module, MODULE, (key, body)))
        users += () if body else constructors_that_read(self._shared.modules, key)
        self._shared.used.add(self._shared.modules, users)

    def dispose(self, module: LoadedModule, statement: Statement) -> None:
        """A statement is about to run again: let the user end what it has made."""
        for again in self._shared.traces.dispose_of(module, statement.facts.uses.binds):
            if again.facts is not statement.facts:
                self.push(module, again)

    def unbind(self, module: LoadedModule, name: str) -> None:
        """Remove a name from a module."""
        if name in module.namespace:
            value = module.namespace[name]
            self.unbound[module.name, name] = value
            self._shared.undo.set_item(module.namespace, name, MISSING)
            # A name that was only imported is no loss: what it meant is there still, under its own.
            if not any(each is value for space in self._shared.modules.spaces() for each in list(space.values())):
                self._shared.adapters.forget(value, self._shared.undo)
                if is_a(value, type) and home_of(value) == module.name:
                    self._leave_bases(value)
            self.emit((module.name, name))
            self._shared.add_changed(module, [name])
            for other in module.source.statements:  # a star import may bring it, too
                if other.facts.uses.star and not self.runs[other.facts]:
                    self.push(module, other)

    def _leave_bases(self, cls: type) -> None:
        """Take a removed class without instances out of the subclasses of its bases."""
        bases = [each for each in cls.__mro__[1:] if self._shared.modules.owns(home_of(each))]
        if bases and type(cls).__setattr__ is type.__setattr__ and not is_in_use(cls):
            self._shared.undo.add(functools.partial(setattr, cls, "__bases__", cls.__bases__))
            self.subclasses_changed(cls)
            leave_bases(cls)

    def subclasses_changed(self, cls: type) -> None:
        """A class came, went or is another: what lists the subclasses of its bases follows."""
        for base in cls.__mro__[1:]:
            if self._shared.modules.owns(home_of(base)):
                self.emit((home_of(base), f"{base.__qualname__}.__subclasses__"))


def reads_environment(text: str) -> bool:
    """Whether a text may read the process's environment."""
    return "environ" in text or "getenv" in text


def _is_triggered(step: Step) -> bool:
    return step.before is not None and step.before.facts is step.statement.facts


def _edited(work: Work) -> Iterator[tuple[LoadedModule, Step]]:
    for plan in work.plans:
        for step in plan.steps:
            if step.way not in (Way.KEEP, Way.MOVE, Way.PATCH):
                yield plan.module, step


def _running_line(module: LoadedModule) -> int | None:
    running = module.running() if module.loading_in is not None else None
    return None if running is None else running.first
