"""What runs inside a function while it runs: inner functions that it calls, and classes that it makes."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from .names import chain_of, own_nodes
from .shapes import text_of

__all__ = ["CALLED_AT_ONCE", "around", "makers_of_other_classes", "run_within"]

CALLED_AT_ONCE = frozenset(
    [
        *("accumulate", "dropwhile", "filter", "filterfalse", "groupby", "map", "max", "min", "partial", "reduce"),
        *("sorted", "starmap", "submit", "takewhile"),
    ]
)
"""Functions of the standard library that call what they are given."""
_COMPREHENSIONS = ("<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>")
_LAMBDA = "<lambda>"
_Functions = (ast.FunctionDef, ast.AsyncFunctionDef)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def around(name: str, within: Iterable[str]) -> Iterator[str]:
    """A function's qualified name, and those of the functions around it that run it when they run.

    Args:
        name: which.
        within: those of the inner functions that `run_within` has found.
    """
    yield name
    outer, inside, last = name.rpartition(".<locals>.")
    while inside and (last in _COMPREHENSIONS or name in within):
        yield outer
        name = outer
        outer, inside, last = name.rpartition(".<locals>.")


def run_within(nodes: Iterable[ast.AST]) -> set[str]:
    """The qualified names of the inner functions that the function around them runs itself, when it runs."""
    return {f"{name}.<locals>.{inner}" for name, function in _functions(nodes) for inner in _run_by(function)}


def _functions(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, _Function]]:
    waiting = [(node, "") for node in reversed([*nodes])]
    while waiting:
        node, outer = waiting.pop()
        inner: Iterable[ast.AST] = ()
        if isinstance(node, _Functions):
            yield outer + node.name, node
            inner, outer = node.body, f"{outer}{node.name}.<locals>."
        elif isinstance(node, ast.ClassDef):
            inner, outer = node.body, f"{outer}{node.name}."
        elif isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            inner = ast.iter_child_nodes(node)
        waiting += [(each, outer) for each in reversed([*inner])]


def _run_by(function: _Function) -> set[str]:
    """The names of inner functions that a function calls, or hands to what calls them at once."""
    own = list(own_nodes(function.body))
    inner = {node.name: node for node in own if isinstance(node, _Functions)}
    named = {
        target.id: node.value
        for node in own
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found: set[str] = set()
    waiting = [*_calls(own), *(each for node in inner.values() for each in node.decorator_list)]
    while waiting:
        each = waiting.pop()
        if isinstance(each, ast.Lambda) or (isinstance(each, ast.Name) and each.id in named):
            found.add(_LAMBDA)
        elif isinstance(each, ast.Name) and each.id in inner and each.id not in found:
            found.add(each.id)
            waiting += _calls(own_nodes(inner[each.id].body))
    return found


def _calls(nodes: Iterable[ast.AST]) -> list[ast.expr]:
    """What is called."""
    found: list[ast.expr] = []
    for call in (each for each in nodes if isinstance(each, ast.Call)):
        found.append(call.func)
        chain = chain_of(call.func)
        keys = [each.value for each in call.keywords if each.arg == "key"]
        found += [*call.args, *keys] if chain is not None and chain[-1] in CALLED_AT_ONCE else keys
    return found


def makers_of_other_classes(one: Iterable[ast.AST], other: Iterable[ast.AST]) -> set[str]:
    """The qualified names of those functions in which the body of a class is another, but for its methods' bodies."""
    ones, others = _classes_made_in(one), _classes_made_in(other)
    return {name for name in ones.keys() & others.keys() if ones[name] != others[name]}


def _classes_made_in(nodes: Iterable[ast.AST]) -> dict[str, list[str]]:
    """Qualified name of a function -> the classes that running it makes, without the bodies of functions."""
    found: dict[str, list[str]] = {}
    for name, function in _functions(nodes):
        classes = [each for each in own_nodes(function.body) if isinstance(each, ast.ClassDef)]
        found.setdefault(name, []).extend(text_of(each) for each in classes)
    return found
