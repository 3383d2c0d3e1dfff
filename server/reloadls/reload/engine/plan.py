"""What has to be done to take up a new text of a module: prepared off to the side, changing nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import CodeType

from .codes import all_codes, inner_codes, pairs, same_but_lines, shifted
from .diff import Difference, Step, Way, compare
from .functions import Swap
from .modules import Codes, LoadedModule
from .statements import Facts, Source, Statement, parse, reparse

__all__ = ["ModulePlan", "Work", "definitions", "does_not_fit", "plan_module"]


@dataclass(eq=False)
class ModulePlan:
    """One module's way to its new text."""

    module: LoadedModule
    text: str
    source: Source
    difference: Difference
    codes: Codes = field(default_factory=dict)
    """Of the new text; what is run again has its code from when it is compiled here."""
    compiled: dict[Facts, CodeType] = field(default_factory=dict)
    """The statements that are to be run."""
    swaps: list[Swap] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    """Qualified names of functions that do something else when they are called."""
    changed: list[str] = field(default_factory=list)
    """Qualified names to tell the user."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The way of each statement of the new text."""
        return self.difference.steps


@dataclass(eq=False)
class Work:
    """All that one commit has to do."""

    plans: list[ModulePlan] = field(default_factory=list)
    again: list[tuple[LoadedModule, Statement]] = field(default_factory=list)
    """Statements that run again though their text is the same."""
    files: list[str] = field(default_factory=list)
    """Files that changed and are no modules."""

    @property
    def does_more(self) -> bool:
        """Whether it does more than give functions other code and run edited statements."""
        return bool(self.again or self.files or any(plan.bodies or plan.difference.removed for plan in self.plans))


def plan_module(module: LoadedModule, text: str) -> ModulePlan:
    """Compare a module's text with the one that runs. Raises SyntaxError or ValueError for a text that can't be run."""
    before = module.source
    source = reparse(before, text, module.path)
    if source.flags != before.flags:
        source = parse(text, module.path)
        difference = _all_again(before, source)
    else:
        difference = compare(before.statements, source.statements)
    kept = Source(source.lines, tuple(step.statement for step in difference.steps), source.flags)
    plan = ModulePlan(module, text, kept, difference)
    plan.difference = Difference(tuple(_plan_step(plan, step) for step in difference.steps), difference.removed)
    return plan


def _all_again(before: Source, source: Source) -> Difference:
    """Another `from __future__` makes something else of every statement."""
    found = compare(before.statements, source.statements)
    return Difference(tuple(Step(Way.RUN, step.statement, step.before) for step in found.steps), found.removed)


def _plan_step(plan: ModulePlan, step: Step) -> Step:
    """Prepare a step; the one that it turns out to be."""
    facts = step.statement.facts
    old = () if step.before is None else plan.module.codes.get(step.before.facts, ())
    if step.way is Way.KEEP:
        assert step.before is not None
        lines = step.statement.first - step.before.first
        plan.codes[facts] = tuple(shifted(code, lines) for code in old)
        if lines:
            plan.swaps += [Swap(*pair, moved_only=True) for pair in pairs(old, plan.codes[facts])]
        return step
    code = step.statement.compile(plan.module.path, plan.source.flags)
    plan.compiled[facts] = code
    plan.codes[facts] = inner_codes(code)
    if step.way is Way.PATCH and any(does_not_fit(*pair) for pair in pairs(old, plan.codes[facts])):
        way = Way.CLASS if isinstance(facts.nodes[0], ast.ClassDef) and len(facts.nodes) == 1 else Way.RUN
        return Step(way, step.statement, step.before)
    if step.way is Way.PATCH:
        _patch(plan, old, plan.codes[facts])
    elif step.way is Way.MOVE:
        plan.swaps += [Swap(*pair, moved_only=True) for pair in pairs(old, plan.codes[facts])]
    elif step.way is Way.RUN and not _makes_classes(step.statement):
        plan.swaps += [Swap(*pair) for pair in pairs(old, plan.codes[facts]) if not same_but_lines(*pair)]
    return step


def does_not_fit(old: CodeType, new: CodeType) -> bool:
    """Whether a function of a module or class closes over something else now, so that the old one can't run it.

    Most often it is a method with its first or last `super()`.
    """
    return old.co_freevars != new.co_freevars and "<locals>" not in new.co_qualname


def _patch(plan: ModulePlan, old: Iterable[CodeType], new: Iterable[CodeType]) -> None:
    """Functions with other bodies; nothing else differs."""
    for before, after in pairs(old, new):
        same = same_but_lines(before, after)
        plan.swaps.append(Swap(before, after, moved_only=same))
        if same:
            continue
        fits = before.co_freevars == after.co_freevars
        outer = after.co_qualname.partition(".<locals>")[0]
        if not same_but_lines(before, after, inside=False):
            plan.bodies.append(after.co_qualname if fits else outer)
        if outer not in plan.changed and not _is_class_body(after):
            plan.changed.append(outer)
    known = {code.co_qualname for code in all_codes(old)}
    lost = known - {code.co_qualname for code in all_codes(new)}
    plan.bodies += [name.partition(".<locals>")[0] for name in lost]


def _is_class_body(code: CodeType) -> bool:
    return "__module__" in code.co_names and "__qualname__" in code.co_names


def _makes_classes(statement: Statement) -> bool:
    return any(isinstance(node, ast.ClassDef) for each in statement.facts.nodes for node in ast.walk(each))


def definitions(statement: Statement) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """The functions and classes that a statement defines in its module, also within an `if`, `try`, `with` or loop."""
    waiting: list[ast.AST] = list(reversed(statement.facts.nodes))
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node
        elif isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            waiting.extend(ast.iter_child_nodes(node))
