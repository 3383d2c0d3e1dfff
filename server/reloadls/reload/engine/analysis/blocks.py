"""Which parts of an `if`, `try`, `with` or `match` must run when only some of its statements changed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .depth import any_depth
from .diff import Step, Way, compare, is_block
from .names import Reads
from .statements import Facts, Statement, statements_in

__all__ = ["Block", "annotation_only", "block_of_changes", "condition_of", "lines_beside", "names_of_items", "parts_of"]

_NOT_RUN = (Way.KEEP, Way.MOVE, Way.PATCH)
_NOT_OTHER = (*_NOT_RUN, Way.BLOCK)


@dataclass(slots=True)
class Block:
    """The statements in a block, with lines from 1 at the block's first."""

    after: ast.stmt
    """The block as it is now."""
    kept: list[Step] = field(default_factory=list)
    run: list[Step] = field(default_factory=list)
    removed: list[Statement] = field(default_factory=list)
    annotated: dict[int, list[ast.stmt]] = field(default_factory=dict)
    """Id of a statement -> what it says of a type, where its value is kept."""

    def binds(self) -> set[str]:
        """The names that what is run binds."""
        return {name for step in self.run for name in step.statement.facts.uses.binds}

    def bound(self) -> set[str]:
        """The names that what is run or removed has bound."""
        return {name for each in self.replaced() for name in each.facts.uses.binds}

    def replaced(self) -> list[Statement]:
        """What was there before, of all that is run or removed."""
        return [*(step.before for step in self.run if step.before is not None), *self.removed]

    def phases(self) -> list[list[Step]]:
        """What is run, in order; a class that was there before is alone, since what follows means that one."""
        found: list[list[Step]] = [[]]
        for step in self.run:
            if step.way is Way.CLASS:
                found += [[step], []]
            else:
                found[-1].append(step)
        return [phase for phase in found if phase]

    def node(self, steps: Iterable[Step], *, annotate: bool) -> ast.stmt | None:
        """The block with no more than these of its statements; None if nothing is left.

        Args:
            steps: the statements.
            annotate: with what is said of types, too.
        """
        chosen = {id(node): [node] for step in steps for node in step.statement.facts.nodes}
        if annotate:
            chosen = {**self.annotated, **chosen}
        return _reduced(self.after, chosen)


@any_depth
def _reduced(node: ast.stmt, chosen: Mapping[int, list[ast.stmt]]) -> ast.stmt | None:
    found = False

    def inside(body: Iterable[ast.stmt]) -> list[ast.stmt]:
        nonlocal found
        kept: list[ast.stmt] = []
        for each in body:
            if id(each) in chosen:
                kept += chosen[id(each)]
            elif is_block(each) and (inner := _reduced(each, chosen)) is not None:
                kept.append(inner)
        found = found or bool(kept)
        return kept

    copy = _copy(node)
    if isinstance(node, ast.Match):
        cases = [ast.match_case(case.pattern, case.guard, inside(case.body) or [_nothing(node)]) for case in node.cases]
        copy.cases = cases  # type: ignore[attr-defined]
    else:
        for name in _parts(node):
            setattr(copy, name, inside(getattr(node, name)) or ([_nothing(node)] if name == "body" else []))
    return copy if found else None


def _copy(node: ast.stmt) -> ast.stmt:
    return ast.copy_location(type(node)(**{name: getattr(node, name) for name in node._fields}), node)


def _nothing(node: ast.stmt) -> ast.stmt:
    return ast.copy_location(ast.Pass(), node)


@any_depth
def block_of_changes(
    before: Statement,
    after: Statement,
    affected: Callable[[Statement], bool],
    functions: Mapping[str, Reads] | None = None,
) -> Block:
    """Compare two blocks.

    Args:
        before: the block as it ran.
        after: as it is now, with the same condition.
        affected: whether a statement in it has to run though its text is the same.
        functions: what the functions of its module read when they are called.
    """
    block = Block(after.facts.nodes[0])
    changed = _Changed(functions or {}, affected)

    def inside(one: Sequence[ast.stmt], other: Sequence[ast.stmt]) -> None:
        new = statements_in(after, other)
        difference = compare(statements_in(before, one), new)
        block.removed.extend(difference.removed)
        changed.names.update(name for each in difference.removed for name in each.facts.uses.binds)
        moved = _moved(difference.steps)
        for step, statement in zip(difference.steps, new, strict=True):
            decide(Step(step.way, statement, step.before), again=step in moved)

    def decide(step: Step, *, again: bool) -> None:
        nodes = step.statement.facts.nodes
        if step.before is not None and step.way in _NOT_OTHER and _is_one_block(nodes) and not again:
            if not changed.concerns(condition_of(step.statement)):
                if step.way is Way.KEEP and not changed.concerns(step.statement):
                    block.kept.append(step)
                else:
                    compare_parts(step.before.facts.nodes[0], nodes[0])
                return
            again = True
        again = again or changed.concerns(step.statement)
        if step.way in _NOT_RUN and not again:
            block.kept.append(step)
        elif step.way is Way.ANNOTATE and not again:
            block.kept.append(step)
            block.annotated[id(nodes[0])] = annotation_only(step.statement)
        elif step.way is Way.CLASS and isinstance(nodes[0], ast.ClassDef):
            block.run.append(step)  # it stays the same class
        else:
            block.run.append(Step(Way.RUN, step.statement, step.before))
            changed.names.update(step.statement.facts.uses.binds)

    def compare_parts(one: ast.stmt, other: ast.stmt) -> None:
        if isinstance(one, ast.Match) and isinstance(other, ast.Match):
            for old, new in zip(one.cases, other.cases, strict=True):
                inside(old.body, new.body)
        for name in _parts(other):
            inside(getattr(one, name), getattr(other, name))

    compare_parts(before.facts.nodes[0], after.facts.nodes[0])
    return block


def _moved(steps: Sequence[Step]) -> set[Step]:
    """What is there only for what it does, and stands on the other side of another such statement than before."""
    found: set[Step] = set()
    acting = [
        (step.before.first, step) for step in steps if step.before is not None and not step.statement.facts.uses.binds
    ]
    for index, (place, step) in enumerate(acting):
        for earlier, other in acting[:index]:
            if earlier > place:
                found |= {step, other}
    return found


class _Changed:
    """The names that have other values so far, and what that makes different."""

    def __init__(self, functions: Mapping[str, Reads], affected: Callable[[Statement], bool]) -> None:
        self.names: set[str] = set()
        self._functions = functions
        self._affected = affected

    def concerns(self, statement: Statement) -> bool:
        """Whether a statement does something else when it runs now."""
        now = statement.facts.uses.now
        if any(chain[0] in self.names for chain in now.reads):
            return True
        called = {chain[0] for chain in now.calls if len(chain) == 1}
        return not called.isdisjoint(self._other_functions(called)) or self._affected(statement)

    def _other_functions(self, called: set[str]) -> set[str]:
        """Those of some functions that read what has changed, or call one that does."""
        if not self.names or called.isdisjoint(self._functions):
            return set()
        found: set[str] = set()
        before = -1
        while len(found) > before:
            before = len(found)
            known = self.names | found
            found.update(
                name
                for name, reads in self._functions.items()
                if any(chain[0] in known for chain in reads.reads) and name not in found
            )
        return found


def _is_one_block(nodes: Sequence[ast.stmt]) -> bool:
    return len(nodes) == 1 and is_block(nodes[0])


def condition_of(statement: Statement) -> Statement:
    """What a block runs beside its statements, as a statement at its place."""
    node = statement.facts.nodes[0]
    parts: list[ast.stmt] = []
    if isinstance(node, ast.If):
        parts = [ast.Expr(node.test)]
    elif isinstance(node, ast.With):
        parts = [ast.copy_location(ast.With(node.items, [ast.Pass()]), node)]
    elif isinstance(node, ast.Match):
        parts = [ast.Expr(node.subject), *(ast.Expr(case.guard) for case in node.cases if case.guard is not None)]
    elif isinstance(node, ast.Try):
        types = (ast.Expr(each.type) for each in node.handlers if each.type is not None)
        parts = [*types, *(each for handler in node.handlers for each in handler.body), *node.finalbody]
    nodes = tuple(ast.copy_location(each, node) if not hasattr(each, "lineno") else each for each in parts)
    return Statement(Facts(nodes, statement.facts.text, statement.facts.line), statement.first)


def lines_beside(statement: Statement, replaced: Sequence[Statement]) -> set[int]:
    """The lines of what blocks run beside their statements, where some of these are run again.

    Args:
        statement: a block, as it was run.
        replaced: the statements in it that are run again, with lines from 1 at its first.
    """
    lines: set[int] = set()
    waiting = [(statement.facts.nodes[0], 1, statement.facts.height)]
    while waiting:
        node, first, last = waiting.pop()
        parts = [each for body in _bodies(node) for each in statements_in(statement, body)]
        lines |= set(range(first, last + 1)).difference(*(range(each.first, each.last + 1) for each in parts))
        for each in parts:
            is_around = any(each.first <= other.first and other.last <= each.last for other in replaced)
            if is_around and _is_one_block(each.facts.nodes):
                waiting.append((each.facts.nodes[0], each.first, each.last))
    return lines


def parts_of(statement: Statement) -> Iterator[Statement]:
    """The statements in a block, and those in blocks within, with lines from 1 at the block's first."""
    waiting = _bodies(statement.facts.nodes[0])
    while waiting:
        for each in statements_in(statement, waiting.pop()):
            yield each
            waiting += [body for node in each.facts.nodes if is_block(node) for body in _bodies(node)]


def names_of_items(node: ast.stmt) -> set[str]:
    """The names that a `with` binds its items to."""
    targets = [item.optional_vars for item in node.items if item.optional_vars] if isinstance(node, ast.With) else []
    return {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}


def _bodies(node: ast.stmt) -> list[list[ast.stmt]]:
    inner = [*getattr(node, "cases", ()), *getattr(node, "handlers", ())]
    return [*(each.body for each in inner), *(getattr(node, name) for name in _parts(node))]


def _parts(node: ast.stmt) -> tuple[str, ...]:
    if isinstance(node, ast.Match):
        return ()
    return ("body",) if isinstance(node, ast.With) else ("body", "orelse")


def annotation_only(statement: Statement) -> list[ast.stmt]:
    """What a statement says of the type of its name, without giving it a value."""
    node = statement.facts.nodes[0]
    if not isinstance(node, ast.AnnAssign):
        return []
    alone = ast.AnnAssign(target=node.target, annotation=node.annotation, value=None, simple=node.simple)
    return [ast.copy_location(alone, node)]
