"""Compare two statements as a whole, or without the bodies of their functions."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

__all__ = [
    "Shape",
    "calls_alike",
    "documented_otherwise",
    "dump",
    "functions_called_alike",
    "shape_of",
    "text_of",
]

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
    return Shape(";".join(map(text_of, nodes)), _count(nodes))


def text_of(node: ast.AST) -> str:
    """A tree as text, without places and the bodies of functions."""
    return _text(node, bodies=False)


def _count(nodes: Iterable[ast.AST]) -> int:
    found = 0
    waiting = [*nodes]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _Functions):
            found += 1
        else:
            waiting.extend(ast.iter_child_nodes(node))
    return found


def calls_alike(one: ast.stmt, other: ast.stmt) -> bool:
    """Whether two function statements make what does the same when called: only docstring and annotations differ."""
    plain = all(isinstance(each, _Functions) and all(map(_only_binds, each.decorator_list)) for each in (one, other))
    return plain and dump([_without_words(one)]) == dump([_without_words(other)])


def functions_called_alike(one: Iterable[ast.stmt], other: Iterable[ast.stmt]) -> set[str]:
    """The qualified names of those functions that `calls_alike`."""
    ones, others = _functions_in(one), _functions_in(other)
    return {name for name in ones.keys() & others.keys() if calls_alike(ones[name], others[name])}


def documented_otherwise(one: Iterable[ast.stmt], other: Iterable[ast.stmt]) -> set[str]:
    """The qualified names of those functions whose docstring is another."""
    ones, others = _functions_in(one), _functions_in(other)
    return {name for name in ones.keys() & others.keys() if _docstring(ones[name]) != _docstring(others[name])}


def _docstring(function: Any) -> str | None:
    return ast.get_docstring(function, clean=False)


def _functions_in(nodes: Iterable[ast.stmt], outer: str = "") -> dict[str, ast.stmt]:
    """Qualified name -> function, of those whose name no other has."""
    found: list[tuple[str, ast.stmt]] = []
    for node in nodes:
        if isinstance(node, _Functions):
            found.append((outer + node.name, node))
        elif isinstance(node, ast.ClassDef):
            found += _functions_in(node.body, f"{outer}{node.name}.").items()
    names = [name for name, _ in found]
    return {name: node for name, node in found if names.count(name) == 1}


def _only_binds(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Name) and decorator.id in ("staticmethod", "classmethod", "property")


def _without_words(function: Any) -> ast.AST:
    """A function without its docstring and annotations."""
    kept: dict[str, Any] = {name: getattr(function, name) for name in function._fields}
    arguments = kept["args"]
    parts: dict[str, Any] = {name: getattr(arguments, name) for name in arguments._fields}
    for name in ("posonlyargs", "args", "kwonlyargs"):
        parts[name] = [ast.arg(each.arg) for each in parts[name]]
    for name in ("vararg", "kwarg"):
        parts[name] = parts[name] and ast.arg(parts[name].arg)
    kept |= {"args": ast.arguments(**parts), "returns": None}
    if ast.get_docstring(function, clean=False) is not None:
        kept["body"] = kept["body"][1:]
    found: ast.AST = type(function)(**kept)
    return found


def _text(node: ast.AST, *, bodies: bool) -> str:
    texts: list[str] = []
    waiting: list[Any] = [node]
    while waiting:
        each = waiting.pop()
        if type(each) is _Text:
            texts.append(each)
        elif isinstance(each, ast.AST):
            texts.append(f"{type(each).__name__}(")
            waiting += (_Text(")"), *reversed([*_fields(each, bodies=bodies)]))
        elif isinstance(each, list):
            texts.append("[")
            waiting += (_Text("]"), *(part for one in reversed(each) for part in (_COMMA, one)))
        else:
            texts.append(f"{type(each).__name__}:{each!r}" if isinstance(each, (int, float, complex)) else repr(each))
    return "".join(texts)


class _Text(str):
    """A piece of the text, among what is to be made one."""

    __slots__ = ()


_COMMA = _Text(",")


def _fields(node: ast.AST, *, bodies: bool) -> Iterator[Any]:
    function = node if not bodies and isinstance(node, _Functions) else None
    for field in node._fields:
        if field == "type_comment" or (field == "kind" and isinstance(node, ast.Constant)):
            continue
        if function is not None and field == "body":
            yield _Text(_BODIES_LEFT_OUT)
            if function.decorator_list:  # a wrapper has a copy of the docstring
                yield ast.get_docstring(function, clean=False)
        else:
            yield getattr(node, field, None)
        yield _COMMA
