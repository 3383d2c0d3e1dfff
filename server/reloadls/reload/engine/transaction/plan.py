"""What must be done to apply a new text of a module. Prepared aside; changes nothing."""

from __future__ import annotations
import __future__

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType

from reloadls.reload.engine.analysis.blocks import block_of_changes
from reloadls.reload.engine.analysis.codes import (
    all_codes,
    function_codes,
    inner_codes,
    is_annotate,
    is_class_body,
    owner_of,
    pairs,
    same_but_lines,
    shifted,
)
from reloadls.reload.engine.analysis.diff import Difference, Step, Way, compare
from reloadls.reload.engine.analysis.inner import around, makers_of_other_classes, run_within
from reloadls.reload.engine.analysis.shapes import documented_otherwise, functions_called_alike
from reloadls.reload.engine.analysis.statements import Facts, Source, Statement, parse, reparse
from reloadls.reload.engine.objects.containers import CONTAINERS, is_a
from reloadls.reload.engine.objects.functions import Swap
from reloadls.reload.engine.program.modules import Codes, LoadedModule

__all__ = [
    "ModulePlan",
    "Work",
    "annotated",
    "codes_within",
    "definitions",
    "does_not_fit",
    "plan_module",
    "statements_that_run",
]


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
    annotated_before: set[str] = field(default_factory=set)
    """The names of whose type the old text says something."""
    bodies: list[str] = field(default_factory=list)
    """Qualified names of functions that do something else when they are called."""
    documents: set[str] = field(default_factory=set)
    """Qualified names of functions whose docstring is another, and that are not run again."""
    changed: list[str] = field(default_factory=list)
    """Qualified names for the report."""

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
    def runs_more(self) -> bool:
        """Whether it does more than give functions other code and run edited statements."""
        return bool(self.again or self.files or any(plan.difference.removed for plan in self.plans))


def plan_module(module: LoadedModule, text: str) -> ModulePlan:
    """Compare a module's text with the one that runs. Raises SyntaxError or ValueError for a text that can't be run."""
    before = module.source
    source = reparse(before, text, module.path)
    if source.flags != before.flags:
        source = parse(text, module.path)
        difference = _all_again(before, source, only_annotations=source.flags ^ before.flags == _ANNOTATIONS)
    else:
        difference = compare(
            before.statements, source.statements, lambda each: not grows_in_place(each, module.namespace)
        )
    kept = Source(source.lines, tuple(step.statement for step in difference.steps), source.flags)
    plan = ModulePlan(module, text, kept, difference, annotated_before=annotated(before))
    imported = kept.imported()
    steps = tuple(_plan_step(plan, step, imported) for step in difference.steps)
    plan.difference = Difference(steps, difference.removed)
    return plan


def grows_in_place(statement: Statement, namespace: Mapping[str, object]) -> bool:
    """Whether a statement changes the container that a name means (`NAMES += [...]`), and binds it to no other."""
    [node, *others] = statement.facts.nodes
    if others or not (isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)):
        return False
    return is_a(namespace.get(node.target.id), CONTAINERS)


def annotated(source: Source) -> set[str]:
    """The names of a module of whose type its statements say something."""
    waiting: list[ast.AST] = [node for each in source.statements for node in each.facts.nodes]
    found = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.simple:
            found.add(node.target.id)
        elif isinstance(node, (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.ExceptHandler)):
            waiting += ast.iter_child_nodes(node)
    return found


_ANNOTATIONS = __future__.annotations.compiler_flag


def _all_again(before: Source, source: Source, *, only_annotations: bool) -> Difference:
    """Another `from __future__` makes something else of every statement, or of those that say something of types."""
    found = compare(before.statements, source.statements)

    def again(step: Step) -> Step:
        if only_annotations and step.before is not None:
            nodes = [each for node in step.statement.facts.nodes for each in ast.walk(node)]
            if not any(getattr(each, "annotation", None) or getattr(each, "returns", None) for each in nodes):
                return step
            value = isinstance(nodes[0], ast.AnnAssign) and nodes[0].value is not None
            if value and step.way in (Way.KEEP, Way.MOVE, Way.ANNOTATE):
                return Step(Way.ANNOTATE, step.statement, step.before)
        return Step(Way.RUN, step.statement, step.before)

    return Difference(tuple(map(again, found.steps)), found.removed)


def _plan_step(plan: ModulePlan, step: Step, imported: frozenset[str]) -> Step:
    """Prepare a step; the one that it turns out to be."""
    facts = step.statement.facts
    old = () if step.before is None else plan.module.codes.get(step.before.facts, ())
    if step.way is Way.KEEP:
        assert step.before is not None
        lines = step.statement.first - step.before.first
        plan.codes[facts] = tuple(shifted(code, lines) for code in old)
        if lines:
            plan.swaps += [Swap(*pair, moved_only=True) for pair in pairs(old, plan.codes[facts], same_shape=True)]
        return step
    code = step.statement.compile(plan.module.path, plan.source.flags, imported)
    plan.compiled[facts] = code
    plan.codes[facts] = inner_codes(code)
    same_shape = step.way in (Way.PATCH, Way.MOVE, Way.ANNOTATE)
    found = pairs(old, plan.codes[facts], same_shape=same_shape)
    if step.way is Way.PATCH and any(does_not_fit(*pair) for pair in found):
        way = Way.CLASS if isinstance(facts.nodes[0], ast.ClassDef) and len(facts.nodes) == 1 else Way.RUN
        return Step(way, step.statement, step.before)
    if step.way is Way.PATCH:
        _patch(plan, step, old, plan.codes[facts], found)
        plan.documents |= documented_otherwise(step.before.facts.nodes, facts.nodes) if step.before else set()
    elif step.way in (Way.MOVE, Way.ANNOTATE):
        plan.swaps += [Swap(*pair, moved_only=True) for pair in found]
    elif step.way is Way.BLOCK:
        _patch_block(plan, step, old)
    elif step.way is Way.RUN and not _makes_classes(step.statement):
        plan.swaps += [Swap(*pair, moved_only=same_but_lines(*pair)) for pair in found]
    return step


def statements_that_run(plan: ModulePlan) -> Iterator[Statement]:
    """The statements that are to run, as they were and as they are now, and those that are gone."""
    yield from plan.difference.removed
    for step in plan.steps:
        if step.way not in (Way.KEEP, Way.MOVE, Way.PATCH):
            yield step.statement
            if step.before is not None:
                yield step.before


def does_not_fit(old: CodeType, new: CodeType) -> bool:
    """Whether a function of a module or class closes over something else now, so that the old one can't run it.

    Most often it is a method with its first or last `super()`.
    """
    return old.co_freevars != new.co_freevars and "<locals>" not in new.co_qualname


def _patch(
    plan: ModulePlan,
    step: Step,
    old: Iterable[CodeType],
    new: Iterable[CodeType],
    found: Iterable[tuple[CodeType, CodeType]],
) -> None:
    """Functions with other bodies; nothing else differs."""
    nodes, nodes_before = step.statement.facts.nodes, () if step.before is None else step.before.facts.nodes
    alike = functions_called_alike(nodes_before, nodes)
    makers = makers_of_other_classes(nodes_before, nodes)
    within = run_within(nodes)
    for before, after in found:
        same = same_but_lines(before, after)
        plan.swaps.append(Swap(before, after, moved_only=same))
        if same:
            continue
        fits = before.co_freevars == after.co_freevars
        name = owner_of(after)
        outer = name.partition(".<locals>")[0]
        differs = not same_but_lines(before, after, inside=False) or name in makers
        if differs and name not in alike:
            plan.bodies += around(name, within) if fits else [outer]
        if outer not in plan.changed:
            plan.changed.append(outer)
    paired = {id(code) for pair in found for code in pair}
    alone = [code for code in all_codes((*old, *new)) if id(code) not in paired]
    alone = [code for code in alone if not is_class_body(code) and not is_annotate(code)]
    lost = dict.fromkeys(code.co_qualname.partition(".<locals>")[0] for code in alone)
    plan.bodies += lost
    plan.changed += [name for name in lost if name not in plan.changed]


def _patch_block(plan: ModulePlan, step: Step, old: tuple[CodeType, ...]) -> None:
    """Functions in a block whose statements are not run again, and those that are."""
    assert step.before is not None
    new = plan.codes[step.statement.facts]
    block = block_of_changes(step.before, step.statement, lambda _: False)
    for inner in (*block.kept, *block.run):
        if inner.before is None:
            continue
        ones = codes_within(old, inner.before, step.before.first)
        others = codes_within(new, inner.statement, step.statement.first)
        found = pairs(ones, others, same_shape=inner.way is not Way.RUN)
        if inner.way is not Way.RUN:
            _patch(plan, inner, ones, others, found)
        elif not _makes_classes(inner.statement):
            plan.swaps += [Swap(*pair, moved_only=same_but_lines(*pair)) for pair in found]


def codes_within(codes: Iterable[CodeType], statement: Statement, first: int) -> list[CodeType]:
    """The functions that a statement makes within another one, which begins at line `first`."""
    lines = range(first + statement.first - 1, first + statement.last)
    return [code for code in function_codes(codes) if code.co_firstlineno in lines]


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
