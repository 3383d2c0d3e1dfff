"""What an edit changed in a sequence of statements, and the least that applies it."""

from __future__ import annotations

import ast
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from .matching import match
from .shapes import dump
from .statements import Facts, Statement

__all__ = ["Difference", "Step", "Way", "compare", "header", "is_another", "is_block", "stands_alone"]


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
    BLOCK = "block"
    """An `if`, `try`, `with` or `match` with other statements in it."""
    ANNOTATE = "annotate"
    """The same value with another annotation."""
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


def _binds(statement: Statement) -> bool:
    return True


def compare(
    old: Sequence[Statement], new: Sequence[Statement], binds: Callable[[Statement], bool] = _binds
) -> Difference:
    """Pair the statements of two texts, each with the one it comes from.

    Args:
        old: the statements as they ran.
        new: as they are now.
        binds: whether a statement gives the names that it binds another value; it may change the value in place.
    """
    before = _equals(old, new)
    _pair(old, new, before)
    steps = _reading_others(tuple(_step(statement, before.get(statement)) for statement in new), old)
    used = set(before.values())
    removed = tuple(each for each in old if each not in used)
    return Difference(_in_order(steps, old, removed, binds), removed)


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
    """Pair what is left by what it binds, sets or calls."""
    for name, (ones, others) in _by_name(old, new).items():
        places = {one: place for place, one in enumerate(ones)}
        equal = {at: places[one] for at, each in enumerate(others) if (one := before.get(each)) in places}
        found = match(ones, others, equal, _keys(name))
        before.update({others[at]: ones[place] for at, place in found.items()})


def _by_name(
    old: Iterable[Statement], new: Iterable[Statement]
) -> dict[Hashable, tuple[list[Statement], list[Statement]]]:
    """The statements of both texts by their names, where both texts have such a one."""
    ones: defaultdict[Hashable, list[Statement]] = defaultdict(list)
    others: defaultdict[Hashable, list[Statement]] = defaultdict(list)
    for found, statements in ((ones, old), (others, new)):
        for each in statements:
            if (name := _name(each)) is not None:
                found[name].append(each)
    return {name: (ones[name], others[name]) for name in ones if name in others}


def _keys(name: Hashable) -> list[Callable[[Statement], Hashable]]:
    if isinstance(name, tuple) and name[0] == "call":
        return [_first_argument]
    if isinstance(name, str):
        return [lambda each: (block_header(each.facts.nodes[0]), _bound_names(each)), block_of, _bound_names]
    return [lambda each: each.facts.shape, _decorators]


def block_of(statement: Statement) -> str:
    """What stands around the statements of an `if`, `try`, `with` or `match`."""
    return block_header(statement.facts.nodes[0])


def block_header(node: ast.stmt) -> str:
    """An `if`, `try`, `with` or `match` without the statements that are run whatever is in them."""
    if isinstance(node, ast.If):
        return dump([node.test])
    if isinstance(node, ast.Try):
        return dump([*node.handlers, *node.finalbody])
    if isinstance(node, ast.Match):
        guards = [each for case in node.cases for each in (case.guard or ast.Pass(),)]
        return dump([node.subject, *(case.pattern for case in node.cases), *guards])
    return dump(node.items) if isinstance(node, ast.With) else ""


def _bound_names(statement: Statement) -> frozenset[str]:
    return frozenset(statement.facts.uses.binds)


def _decorators(statement: Statement) -> str:
    return dump(getattr(statement.facts.nodes[0], "decorator_list", ()))


def _first_argument(statement: Statement) -> str:
    [node] = statement.facts.nodes
    assert isinstance(node, ast.Expr)
    assert isinstance(node.value, ast.Call)
    return dump(node.value.args[:1])


def _name(statement: Statement) -> Hashable:
    facts = statement.facts
    if len(facts.nodes) > 1:
        return ("several", frozenset(facts.uses.binds)) if facts.uses.binds else None
    [node] = facts.nodes
    if isinstance(node, _BLOCKS):
        return type(node).__name__
    if facts.uses.binds:
        return (_KINDS.get(type(node), type(node)), frozenset(facts.uses.binds))
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        return ("set", dump(node.targets))
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return ("call", dump([node.value.func]))
    return None


def is_block(node: ast.AST) -> bool:
    """Whether its statements can be run one without the others."""
    return isinstance(node, _BLOCKS)


_BLOCKS = (ast.If, ast.Try, ast.With, ast.Match)
_KINDS: dict[type, type] = {ast.AsyncFunctionDef: ast.FunctionDef, ast.AnnAssign: ast.Assign}


def _step(statement: Statement, before: Statement | None) -> Step:
    if before is None:
        return Step(Way.RUN, statement)
    if before.facts is statement.facts or before.facts.text == statement.facts.text:
        return Step(Way.KEEP, Statement(before.facts, statement.first), before)
    return Step(_way(before.facts, statement.facts), statement, before)


def _way(one: Facts, other: Facts) -> Way:
    ways: dict[Way, Callable[[], bool]] = {
        Way.MOVE: lambda: one.key == other.key,
        Way.PATCH: lambda: one.shape == other.shape and one.shape.functions > 0,
        Way.CLASS: lambda: _same_class(one.nodes, other.nodes),
        Way.ANNOTATE: lambda: _same_value(one.nodes, other.nodes),
        Way.BLOCK: lambda: _same_block(one.nodes, other.nodes),
    }
    return next((way for way, fits in ways.items() if fits()), Way.RUN)


def _same_value(one: Sequence[ast.stmt], other: Sequence[ast.stmt]) -> bool:
    """Whether both give a name the same value, and only what is said of its type differs."""
    parts = [_assigned(each) for each in (one, other)]
    return None not in parts and parts[0] == parts[1]


def _assigned(nodes: Sequence[ast.stmt]) -> tuple[str, str] | None:
    if len(nodes) != 1:
        return None
    node = nodes[0]
    target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
    target = node.target if isinstance(node, ast.AnnAssign) else target
    value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
    return (target.id, dump([value])) if isinstance(target, ast.Name) and value is not None else None


def _same_block(one: Sequence[ast.stmt], other: Sequence[ast.stmt]) -> bool:
    if len(one) != 1 or len(other) != 1 or type(one[0]) is not type(other[0]):
        return False
    return isinstance(one[0], _BLOCKS) and block_header(one[0]) == block_header(other[0])


def _same_class(one: Sequence[ast.stmt], other: Sequence[ast.stmt]) -> bool:
    """Whether both are one and the same class, but for its body."""
    if len(one) != 1 or len(other) != 1:
        return False
    old, new = one[0], other[0]
    return isinstance(old, ast.ClassDef) and isinstance(new, ast.ClassDef) and old.name == new.name


def is_another(difference: Difference, name: str) -> bool:
    """Whether what a name means at the end was made by another statement than before, of several that bind it."""
    binders = [step for step in difference.steps if name in step.statement.facts.uses.binds]
    last = binders[-1].before if binders else None
    if last is None:
        return len(binders) > 1
    old = [*difference.removed, *(step.before for step in binders if step.before is not None)]
    return any(each.first > last.first for each in old if name in each.facts.uses.binds)


def header(node: ast.ClassDef) -> str:
    """A class statement without its body."""
    return dump([*node.decorator_list, *node.bases, *node.keywords, *getattr(node, "type_params", [])])


def _in_order(
    steps: tuple[Step, ...], old: Sequence[Statement], removed: Iterable[Statement], binds: Callable[[Statement], bool]
) -> tuple[Step, ...]:
    """Have all statements run that bind a name which several bind, if one of them is run, gone, or in another place."""
    binders: defaultdict[str, list[int]] = defaultdict(list)
    for index, step in enumerate(steps):
        uses = step.statement.facts.uses
        for name in uses.binds - uses.passing if binds(step.statement) else ():
            if name != "_" or stands_alone(step.statement):
                binders[name].append(index)
    place = {each: index for index, each in enumerate(old)}
    gone = {name for each in removed if binds(each) for name in each.facts.uses.binds}
    gone |= {
        name
        for step in steps
        if step.before is not None
        for name in step.before.facts.uses.binds - step.statement.facts.uses.binds
    }
    again: set[int] = set()
    for name, indexes in binders.items():
        if all(stands_alone(steps[index].statement) for index in indexes):
            again.update(_last_one(steps, indexes, place, removed, name))
            continue
        was_alone = name not in gone and len(indexes) == 1
        if not was_alone and (name in gone or _disturbed([steps[index] for index in indexes], place)):
            again.update(indexes)
    return tuple(
        Step(Way.RUN, step.statement, step.before) if index in again else step for index, step in enumerate(steps)
    )


def _reading_others(steps: tuple[Step, ...], old: Sequence[Statement]) -> tuple[Step, ...]:
    """Have statements run that read a name which several bind, where the nearest one above is another than before."""
    before, now = _binders(old), _binders([step.statement for step in steps])
    several = {name for found in (before, now) for name, places in found.items() if len(places) > 1}
    if not several:
        return steps
    place = {each: index for index, each in enumerate(old)}

    def reads_another(index: int, step: Step) -> bool:
        assert step.before is not None
        uses = step.statement.facts.uses
        for name in ({chain[0] for chain in uses.now.reads} & several) - uses.binds:
            ones = [at for at in before[name] if at < place[step.before]]
            others = [at for at in now[name] if at < index]
            if bool(ones) != bool(others):
                return True
            if ones and not _is_same(old[ones[-1]], steps[others[-1]]):
                return True
        return False

    again = {index for index, step in enumerate(steps) if step.before is not None and reads_another(index, step)}
    return tuple(
        Step(Way.RUN, step.statement, step.before) if index in again else step for index, step in enumerate(steps)
    )


def _is_same(one: Statement, step: Step) -> bool:
    """Whether both bind what one and the same statement makes, or one import."""
    return one is step.before or (
        one.facts.key == step.statement.facts.key
        and all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in one.facts.nodes)
    )


def _binders(statements: Sequence[Statement]) -> defaultdict[str, list[int]]:
    """Name -> the places of the statements that bind it."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for index, each in enumerate(statements):
        for name in each.facts.uses.binds - each.facts.uses.passing:
            found[name].append(index)
    return found


def stands_alone(statement: Statement) -> bool:
    """Whether it defines a function, and asks nothing of what its name meant before."""
    uses = statement.facts.uses
    return (
        len(statement.facts.nodes) == 1
        and isinstance(statement.facts.nodes[0], (ast.FunctionDef, ast.AsyncFunctionDef))
        and all(chain[0] not in uses.binds for chain in uses.now.reads)
    )


def _last_one(
    steps: tuple[Step, ...],
    indexes: list[int],
    place: dict[Statement, int],
    removed: Iterable[Statement],
    name: str,
) -> list[int]:
    """The last of several functions of one name, if it was not the last before: the name means another one now."""
    last = steps[indexes[-1]].before
    others = [before for index in indexes[:-1] if (before := steps[index].before) is not None]
    others += [each for each in removed if name in each.facts.uses.binds]
    moved = last is not None and any(place[each] > place[last] for each in others)
    return indexes[-1:] if moved else []


def _disturbed(steps: Sequence[Step], place: dict[Statement, int]) -> bool:
    places = [-1 if step.before is None else place[step.before] for step in steps]
    return places != sorted(places) or any(step.way in (Way.RUN, Way.CLASS, Way.BLOCK) for step in steps)
