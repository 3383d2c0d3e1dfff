"""What an edit did to a sequence of statements, and how little is enough to make it live."""

from __future__ import annotations

import ast
from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from .shapes import dump
from .statements import Statement

__all__ = ["Difference", "Step", "Way", "compare", "header", "is_another"]


class Way(Enum):
    """How a statement comes to be as its new text says."""

    KEEP = "keep"
    """It is as it was, but for its place."""
    MOVE = "move"
    """It means what it meant; lines inside moved."""
    PATCH = "patch"
    """Functions in it have other bodies; nothing is run."""
    CLASS = "class"
    """A class with other statements in its body."""
    RUN = "run"
    """It is run again, or for the first time."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A statement of the new text, what it was before, and the way from there."""

    way: Way
    statement: Statement
    before: Statement | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """All statements of the new text in order, and those that are gone."""

    steps: tuple[Step, ...]
    removed: tuple[Statement, ...]


def compare(old: Sequence[Statement], new: Sequence[Statement]) -> Difference:
    """Pair the statements of two texts, each with the one it comes from."""
    before = _equals(old, new)
    _pair(old, new, before)
    steps = tuple(_step(statement, before.get(statement)) for statement in new)
    used = set(before.values())
    removed = tuple(each for each in old if each not in used)
    return Difference(_in_order(steps, old, removed), removed)


def _equals(old: Sequence[Statement], new: Sequence[Statement]) -> dict[Statement, Statement]:
    """New statement -> the old one that means the same."""
    same = {each.facts: each for each in old}
    before = {each: same[each.facts] for each in new if each.facts in same}
    taken = set(before.values())
    rest = [each for each in old if each not in taken]
    for key in (_text, _meaning):
        waiting: defaultdict[str, deque[Statement]] = defaultdict(deque)
        for each in rest:
            if each not in taken:
                waiting[key(each)].append(each)
        for each in new:
            if each not in before and (found := waiting.get(key(each))):
                before[each] = found.popleft()
                taken.add(before[each])
    return before


def _text(statement: Statement) -> str:
    return statement.facts.text


def _meaning(statement: Statement) -> str:
    return statement.facts.key


def _pair(old: Iterable[Statement], new: Iterable[Statement], before: dict[Statement, Statement]) -> None:
    """Pair what is left by the names that are bound."""
    taken = set(before.values())
    waiting: defaultdict[Hashable, deque[Statement]] = defaultdict(deque)
    for each in old:
        if each not in taken and (name := _name(each)) is not None:
            waiting[name].append(each)
    for each in new:
        if each not in before and (name := _name(each)) is not None and (found := waiting.get(name)):
            before[each] = found.popleft()


def _name(statement: Statement) -> Hashable:
    facts = statement.facts
    if not facts.uses.binds:
        return None
    if len(facts.nodes) > 1:
        return ("several", frozenset(facts.uses.binds))
    kind = type(facts.nodes[0])
    return (ast.FunctionDef if kind is ast.AsyncFunctionDef else kind, frozenset(facts.uses.binds))


def _step(statement: Statement, before: Statement | None) -> Step:
    if before is None:
        return Step(Way.RUN, statement)
    one, other = before.facts, statement.facts
    if one is other or one.text == other.text:
        return Step(Way.KEEP, Statement(one, statement.first), before)
    if one.key == other.key:
        return Step(Way.MOVE, statement, before)
    if one.shape == other.shape and one.shape.functions:
        return Step(Way.PATCH, statement, before)
    if _same_class(one.nodes, other.nodes):
        return Step(Way.CLASS, statement, before)
    return Step(Way.RUN, statement, before)


def _same_class(one: Sequence[ast.stmt], other: Sequence[ast.stmt]) -> bool:
    """Whether both are one and the same class, but for its body."""
    if len(one) != 1 or len(other) != 1:
        return False
    old, new = one[0], other[0]
    return isinstance(old, ast.ClassDef) and isinstance(new, ast.ClassDef) and old.name == new.name


def is_another(difference: Difference, name: str) -> bool:
    """Whether what a name means at the end was made by a new statement, beside one that was there before."""
    binders = [step for step in difference.steps if name in step.statement.facts.uses.binds]
    return len(binders) > 1 and binders[-1].before is None


def header(node: ast.ClassDef) -> str:
    """A class statement without its body."""
    return dump([*node.decorator_list, *node.bases, *node.keywords, *getattr(node, "type_params", [])])


def _in_order(steps: tuple[Step, ...], old: Sequence[Statement], removed: Iterable[Statement]) -> tuple[Step, ...]:
    """Have all statements run that bind a name which several bind, if one of them is run, gone, or in another place."""
    binders: defaultdict[str, list[int]] = defaultdict(list)
    for index, step in enumerate(steps):
        uses = step.statement.facts.uses
        for name in uses.binds - uses.passing - {"_"}:
            binders[name].append(index)
    place = {each: index for index, each in enumerate(old)}
    gone = {name for each in removed for name in each.facts.uses.binds}
    gone |= {
        name
        for step in steps
        if step.before is not None
        for name in step.before.facts.uses.binds - step.statement.facts.uses.binds
    }
    again: set[int] = set()
    for name, indexes in binders.items():
        was_alone = name not in gone and len(indexes) == 1
        if not was_alone and (name in gone or _disturbed([steps[index] for index in indexes], place)):
            again.update(indexes)
    return tuple(
        Step(Way.RUN, step.statement, step.before) if index in again else step for index, step in enumerate(steps)
    )


def _disturbed(steps: Sequence[Step], place: dict[Statement, int]) -> bool:
    places = [-1 if step.before is None else place[step.before] for step in steps]
    return places != sorted(places) or any(step.way in (Way.RUN, Way.CLASS) for step in steps)
