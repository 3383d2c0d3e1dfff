"""Which containers a statement looks into when it runs, and by which keys: `c["port"]`, `c.get("port")`, `len(c)`."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from .names import Chain, chain_of
from .operands import nodes_run, operands_of

__all__ = ["ANY", "lookups"]

ANY = object()
"""Stands for all that is in a container."""
_READING = frozenset(["copy", "count", "index", "items", "keys", "values"])
_BY_KEY = frozenset(["__contains__", "__getitem__", "get"])


def lookups(nodes: Iterable[ast.AST]) -> Iterator[tuple[Chain, object]]:
    """What may be a container, by the names that lead to it, and the key that is asked for, or `ANY`."""
    for node in nodes_run(nodes):
        for each, key in _of(node):
            if (chain := chain_of(each)) is not None:
                yield chain, key


def _of(node: ast.AST) -> Iterator[tuple[ast.expr, object]]:
    if isinstance(node, ast.Subscript):
        if isinstance(node.ctx, ast.Load):
            yield node.value, _constant(node.slice)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], (ast.In, ast.NotIn)):
        yield node.comparators[0], _constant(node.left)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _BY_KEY:
        yield node.func.value, _constant(node.args[0]) if node.args else ANY
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _READING:
        yield node.func.value, ANY
    elif not isinstance(node, ast.AugAssign):
        yield from ((each, ANY) for each in operands_of(node))


def _constant(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else ANY
