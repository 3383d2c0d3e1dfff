"""Whether what the calls of a statement do that runs again is what they did before."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from reloadls.reload.engine.analysis.diff import Step
from reloadls.reload.engine.analysis.shapes import dump
from reloadls.reload.engine.analysis.statements import Facts, Statement
from reloadls.reload.engine.program.dependents import Key, depends
from reloadls.reload.engine.program.modules import LoadedModule, Modules

__all__ = ["calls_as_before", "puts_by_calls", "repeats_as_before"]

_COMPUTING = frozenset(["bool", "dict", "float", "int", "len", "list", "repr", "set", "sorted", "str", "tuple"])
_OF_TEXTS = frozenset(name for name in vars(str) if not name.startswith("_")) - {"count", "format_map", "index"}
_SIMPLE = (ast.Assign, ast.AnnAssign, ast.Expr)


def puts_by_calls(step: Step) -> bool:
    """Whether a statement puts things into containers and attributes by what it calls only, before an edit and now."""
    return all(isinstance(each, _SIMPLE) and not _stores_elsewhere(each) for each in _nodes(step))


def repeats_as_before(modules: Modules, module: LoadedModule, step: Step, changed: Iterable[Key]) -> bool:
    """Whether a statement makes the same as before for each name: `for name in NAMES: POOLS[name] = Pool(name)`.

    Args:
        modules: the program.
        module: whose statement it is.
        step: what became of it: its text is the same.
        changed: the names and functions that are others in this commit.
    """
    if step.before is None or step.before.facts is not step.statement.facts or len(step.statement.facts.nodes) > 1:
        return False
    [node] = step.statement.facts.nodes
    body: list[ast.stmt]
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.DictComp) and len(node.value.generators) == 1:
        target, body = node.value.generators[0].target, [ast.Expr(node.value.key), ast.Expr(node.value.value)]
    elif isinstance(node, ast.For):
        target, body = node.target, [*node.body, *node.orelse]
    else:
        return False
    inside = [each for part in body for each in ast.walk(part)]
    binds = any(isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store) for each in inside)
    if not isinstance(target, ast.Name) or binds or any(_looks_into(each, target.id) for each in inside):
        return False
    return not _depend(modules, module, step, body, changed)


def _looks_into(node: ast.AST, name: str) -> bool:
    """Whether it reads a part of what a name means: another one may be made of the same name then."""
    return (
        isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.value, ast.Name) and node.value.id == name
    )


def calls_as_before(modules: Modules, module: LoadedModule, step: Step, changed: Iterable[Key]) -> bool:
    """Whether a statement makes no other calls than before, and these do the same.

    Args:
        modules: the program.
        module: whose statement it is.
        step: what became of it.
        changed: the names and functions that are others in this commit.
    """
    facts = step.statement.facts
    if step.before is None or not _calls(facts.nodes).keys() <= _calls(step.before.facts.nodes).keys():
        return False
    return not _depend(modules, module, step, [ast.Expr(each) for each in _calls(facts.nodes).values()], changed)


def _depend(
    modules: Modules, module: LoadedModule, step: Step, parts: Iterable[ast.stmt], changed: Iterable[Key]
) -> bool:
    """Whether parts of a statement depend on what changed."""
    facts = Facts(tuple(parts), step.statement.facts.text, step.statement.facts.line)
    return any(depends(modules, module, Statement(facts, step.statement.first), key) for key in changed)


def _nodes(step: Step) -> list[ast.stmt]:
    return [*(step.before.facts.nodes if step.before is not None else ()), *step.statement.facts.nodes]


def _calls(nodes: Iterable[ast.AST]) -> dict[str, ast.Call]:
    """The calls that may do something, by their texts."""
    found = (each for node in nodes for each in ast.walk(node) if isinstance(each, ast.Call))
    return {dump([each]): each for each in found if not _only_computes(each.func)}


def _only_computes(function: ast.expr) -> bool:
    """Whether it is one of the interpreter's functions, or a method that texts have."""
    if isinstance(function, ast.Name):
        return function.id in _COMPUTING
    return isinstance(function, ast.Attribute) and function.attr in _OF_TEXTS


def _stores_elsewhere(node: ast.AST) -> bool:
    """Whether its own text sets attributes or items."""
    parts = (each for each in ast.walk(node) if isinstance(each, (ast.Attribute, ast.Subscript)))
    return any(isinstance(each.ctx, ast.Store) for each in parts)
