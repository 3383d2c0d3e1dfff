"""Compare two statements as a whole, or without the bodies of their functions."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

__all__ = ["Shape", "dump", "own_body", "shape_of"]

_Functions = (ast.FunctionDef, ast.AsyncFunctionDef)
_BODIES_LEFT_OUT = "..."


class Shape(NamedTuple):
    """A statement without the bodies of its functions, and how many functions it defines outside of others."""

    text: str
    functions: int


def dump(nodes: Iterable[ast.AST]) -> str:
    """The trees as text, without places; equal for statements that mean the same."""
    return ";".join(_text(node, bodies=True) for node in nodes)


def shape_of(nodes: Iterable[ast.stmt]) -> Shape:
    """What running the statements does, but for the code of the functions they make."""
    nodes = tuple(nodes)
    return Shape(";".join(_text(node, bodies=False) for node in nodes), _count(nodes))


def _count(nodes: Iterable[ast.AST]) -> int:
    return sum(1 if isinstance(node, _Functions) else _count(ast.iter_child_nodes(node)) for node in nodes)


def own_body(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """What a call of the function runs itself: its body, without the bodies of functions inside."""
    return ";".join(_text(node, bodies=False) for node in function.body)


def _text(node: ast.AST, *, bodies: bool) -> str:
    return "".join(_parts(node, bodies))


def _parts(node: Any, bodies: bool) -> Iterator[str]:
    if isinstance(node, ast.AST):
        yield type(node).__name__
        yield "("
        function = node if not bodies and isinstance(node, _Functions) else None
        for field in node._fields:
            if field == "type_comment" or (field == "kind" and isinstance(node, ast.Constant)):
                continue
            if function is not None and field == "body":
                yield _BODIES_LEFT_OUT
                if function.decorator_list:  # a wrapper has a copy of the docstring
                    yield repr(ast.get_docstring(function, clean=False))
            else:
                yield from _parts(getattr(node, field, None), bodies)
            yield ","
        yield ")"
    elif isinstance(node, list):
        yield "["
        for each in node:
            yield from _parts(each, bodies)
            yield ","
        yield "]"
    else:
        yield f"{type(node).__name__}:{node!r}" if isinstance(node, (int, float, complex)) else repr(node)
