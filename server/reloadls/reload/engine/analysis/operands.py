"""Which names a statement uses as operands, so that special methods of their objects are called (`a + b`, `len(a)`)."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from .names import Chain, chain_of

__all__ = ["nodes_run", "operands", "operands_of"]

_CALLING = frozenset(
    [
        *("abs", "all", "any", "bool", "bytes", "complex", "dict", "divmod", "enumerate", "filter", "float", "format"),
        *("frozenset", "hash", "int", "iter", "len", "list", "map", "max", "min", "next", "pow", "repr", "reversed"),
        *("round", "set", "sorted", "str", "sum", "tuple", "zip"),
    ]
)
"""Functions of the interpreter that call special methods of what they are given."""
_NOT_NOW = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def operands(nodes: Iterable[ast.AST]) -> set[Chain]:
    """The chains that are operands while the nodes run, not when functions that they make are called."""
    chains = (chain_of(each) for node in nodes_run(nodes) for each in operands_of(node))
    return {chain for chain in chains if chain is not None}


def nodes_run(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes, and those within them that run with them: of functions, decorators and defaults."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, _NOT_NOW):
            waiting += [each for each in (*node.args.defaults, *node.args.kw_defaults) if each is not None]
            waiting += getattr(node, "decorator_list", ())
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def operands_of(node: ast.AST) -> Iterator[ast.expr]:  # noqa: PLR0912 - one branch for each kind of node
    """What a node itself uses as operands."""
    if isinstance(node, ast.BinOp):
        yield from (node.left, node.right)
    elif isinstance(node, ast.AugAssign):
        yield from (node.target, node.value)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.BoolOp):
        yield from node.values
    elif isinstance(node, ast.Compare):
        yield from (node.left, *node.comparators)
    elif isinstance(node, ast.Subscript):
        yield from (node.value, node.slice)
    elif isinstance(node, (ast.FormattedValue, ast.Starred)):
        yield node.value
    elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
        yield node.test
    elif isinstance(node, (ast.For, ast.comprehension)):
        yield node.iter
    elif isinstance(node, ast.withitem):
        yield node.context_expr
    elif isinstance(node, ast.Assign):
        if any(isinstance(target, (ast.Tuple, ast.List)) for target in node.targets):
            yield node.value
    elif isinstance(node, ast.Call):
        yield node.func
        if isinstance(node.func, ast.Name) and node.func.id in _CALLING:
            yield from node.args
        elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Constant):
            yield from node.args  # `", ".join(names)`
