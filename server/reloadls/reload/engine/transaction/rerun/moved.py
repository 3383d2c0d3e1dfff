"""Values that stay although their statement was wrapped in a block, or more was edited in it or around it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

from reloadls.reload.engine.analysis.diff import Step, is_block
from reloadls.reload.engine.analysis.statements import Facts, Statement

__all__ = ["names_as_before", "names_that_stay"]


def names_that_stay(step: Step, removed: Iterable[Statement], affected: Callable[[Statement], bool]) -> set[str]:
    """The names whose values a statement would make anew, though the text that makes them is the same as before.

    Args:
        step: the statement, which is run as a whole.
        removed: the statements that are gone from its module.
        affected: whether running a statement gives another value than before.
    """
    statement = step.statement
    if not (_has_parts(statement) or (step.before is None and any(map(_has_parts, removed)))):
        return set()
    old = list(_old_parts(step, removed))
    before = {each.facts.key: each for each in old if _makes_values(each)}
    once = {name for each in before.values() for name in each.facts.uses.binds if _binders(old, name) == 1}
    parts = list(_parts(statement))
    kept = [
        each
        for each in parts
        if each.facts.key in before
        and each.facts.uses.binds <= once
        and all(_binders(parts, name) == 1 for name in each.facts.uses.binds)
        and not affected(each)
    ]
    bound = {name for each in parts for name in each.facts.uses.binds}
    while True:
        names = {name for each in kept for name in each.facts.uses.binds}
        others = [each for each in parts if each not in kept]
        used = {name for each in others for name in _reads(each)}
        again = [each for each in kept if _reads(each) & (bound - names) or each.facts.uses.binds & used]
        if not again:
            return names
        kept = [each for each in kept if each not in again]


def names_as_before(step: Step, removed: Iterable[Statement], affected: Callable[[Statement], bool]) -> set[str]:
    """The names that one of several branches gives a value by a text that is the same as before; see above."""
    if not _has_parts(step.statement):
        return set()
    before = {each.facts.key for each in _old_parts(step, removed) if _makes_values(each)}
    parts = (each for each in _parts(step.statement) if each.facts.key in before and not affected(each))
    return {name for each in parts for name in each.facts.uses.binds}


def _old_parts(step: Step, removed: Iterable[Statement]) -> Iterator[Statement]:
    for each in (*removed, *([step.before] if step.before else [])):
        yield from _parts(each)


def _has_parts(statement: Statement) -> bool:
    nodes = statement.facts.nodes
    return len(nodes) > 1 or is_block(nodes[0]) or len(_assigned(nodes[0])) > 1


def _parts(statement: Statement) -> Iterator[Statement]:
    """The statements that are no blocks, each alone, and the heads of the blocks."""
    for node in statement.facts.nodes:
        bodies = _bodies(node) if is_block(node) else []
        for each in _head(node) if is_block(node) else _assigned(node):
            yield _part(statement, each)
        for each in (each for body in bodies for each in body):
            yield from _parts(_part(statement, each))


def _part(statement: Statement, node: ast.stmt) -> Statement:
    return Statement(Facts((node,), statement.facts.text, statement.facts.line), statement.first)


def _bodies(node: ast.stmt) -> list[list[ast.stmt]]:
    inner = [*getattr(node, "cases", ()), *getattr(node, "handlers", ())]
    return [*(each.body for each in inner), *(getattr(node, name, []) for name in ("body", "orelse", "finalbody"))]


def _assigned(node: ast.stmt) -> list[ast.stmt]:
    """`a, b = 1, []` as `a = 1` and `b = []`; any other statement as it is."""
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)) if len(names) == len(values):
            if all(isinstance(each, ast.Name) for each in names) and not any(
                isinstance(each, ast.Starred) for each in values
            ):
                return [ast.Assign([name], value) for name, value in zip(names, values, strict=True)]
    return [node]


def _head(node: ast.stmt) -> Iterator[ast.stmt]:
    """What a block reads and binds beside its statements."""
    match node:
        case ast.If():
            yield ast.Expr(node.test)
        case ast.With():
            yield ast.With(node.items, [ast.Pass()])
        case ast.Match():
            yield ast.Match(
                node.subject, [ast.match_case(each.pattern, each.guard, [ast.Pass()]) for each in node.cases]
            )
        case ast.Try():
            for each in node.handlers:
                names: list[ast.expr] = [ast.Name(each.name, ast.Store())] if each.name else []
                yield ast.Assign(names, each.type or ast.Constant(None))


def _makes_values(statement: Statement) -> bool:
    node = statement.facts.nodes[0]
    return isinstance(node, (ast.Assign, ast.AnnAssign)) and bool(statement.facts.uses.binds)


def _binders(parts: Iterable[Statement], name: str) -> int:
    return sum(name in each.facts.uses.binds for each in parts)


def _reads(statement: Statement) -> set[str]:
    return {chain[0] for chain in statement.facts.uses.now.reads}
