"""Lazily evaluated annotations, as from Python 3.14 on (PEP 649).

A module, class or function has a function `__annotate__` that knows all its annotations. A statement that is compiled
alone makes one that knows no more than its own, so those of modules and classes are put together anew.
"""

from __future__ import annotations
import __future__

import ast
import dis
import gc
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import Any

from reloadls.reload.engine.analysis.codes import CONDITIONAL, is_of_module
from reloadls.reload.engine.analysis.diff import Step, Way
from reloadls.reload.engine.analysis.shapes import dump
from reloadls.reload.engine.analysis.statements import Facts, Source, Statement
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.undo import MISSING, Undo

if sys.version_info >= (3, 14):
    from annotationlib import Format, call_annotate_function, get_annotations

__all__ = [
    "CACHE",
    "LAZY",
    "ModuleAnnotations",
    "adopt_annotations",
    "annotated_names",
    "annotate_of",
    "annotation_alone",
    "annotations_in",
    "evaluated",
    "is_lazy",
    "own_annotations",
]

LAZY = sys.version_info >= (3, 14)
"""Whether this Python evaluates annotations when they are asked for."""
CACHE = "__annotations_cache__"
"""The name under which a class keeps its annotations once they are evaluated."""
_ANNOTATE = "__annotate__"
_STRINGS = __future__.annotations.compiler_flag


def is_lazy(flags: int) -> bool:
    """Whether code that is compiled with these flags has lazy annotations."""
    return LAZY and not flags & _STRINGS


def annotations_in(nodes: Iterable[ast.AST]) -> Iterator[ast.AnnAssign]:
    """What says of which type a name of the scope is, in the order in which the compiler numbers it."""
    waiting = [*reversed([*nodes])]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.AnnAssign):
            if isinstance(node.target, ast.Name) and node.simple:
                yield node
        elif isinstance(node, _BLOCKS):
            waiting += reversed([*ast.iter_child_nodes(node)])


_BLOCKS = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.Try,
    ast.TryStar,
    ast.With,
    ast.AsyncWith,
    ast.ExceptHandler,
    ast.Match,
    ast.match_case,
)


def annotation_alone(node: ast.AnnAssign) -> ast.AnnAssign:
    """The same annotation without a value."""
    alone = ast.AnnAssign(target=node.target, annotation=node.annotation, value=None, simple=node.simple)
    return ast.copy_location(alone, node)


# -- functions


def annotate_of(function: FunctionType) -> FunctionType | None:
    """What evaluates the annotations of a function."""
    found = getattr(function, _ANNOTATE, None) if LAZY else None
    return found if is_a(found, FunctionType) else None


def adopt_annotations(old: FunctionType, new: FunctionType, undo: Undo) -> None:
    """Give a function the annotations of another, without evaluating them."""
    if not LAZY:
        if old.__annotations__ is not new.__annotations__:
            undo.set_attribute(old, "__annotations__", new.__annotations__)
        return
    before, after = _state(old), _state(new)
    undo.add(lambda: _put(old, *before))
    _put(old, *after)


def _state(function: Any) -> tuple[Any, dict[str, Any] | None]:
    """What evaluates a function's annotations, and those that are evaluated already."""
    annotate = function.__annotate__
    if annotate is None:
        return None, function.__annotations__
    others = (function.__globals__, function.__builtins__, function.__kwdefaults__, vars(function))
    known = {id(each) for each in others}
    found = (each for each in gc.get_referents(function) if type(each) is dict and id(each) not in known)
    return annotate, next(found, None)


def _put(function: Any, annotate: Any, evaluated: dict[str, Any] | None) -> None:
    function.__annotate__ = annotate
    if annotate is None:
        function.__annotations__ = evaluated
    elif evaluated is not None:
        try:
            known = function.__annotations__
        except Exception:  # what the program's annotations raise now
            return
        content = dict(evaluated)
        known.clear()
        known.update(content)


# -- classes


def annotated_names(cls: type) -> Collection[object]:
    """The names that a class itself has annotations of; nothing is evaluated."""
    annotate = vars(cls).get("__annotate_func__")
    if not is_a(annotate, FunctionType):
        return own_annotations(cls)
    free = dict(zip(annotate.__code__.co_freevars, annotate.__closure__ or (), strict=True))
    passed = free[CONDITIONAL].cell_contents if CONDITIONAL in free else ()
    found: set[object] = set()
    name: object = None
    number: object = None
    condition: object = None
    for each in dis.get_instructions(annotate):
        if isinstance(each.argval, int):
            number = each.argval
        elif each.argval == CONDITIONAL:
            condition = number
        elif isinstance(each.argval, str) and each.opname == "LOAD_CONST":
            name = each.argval
            if CONDITIONAL not in free:
                found.add(name)
        elif each.opname == "STORE_SUBSCR":
            if condition is None or condition in passed:
                found.add(name)
            condition = None
    return found


def own_annotations(cls: type) -> Mapping[str, Any]:
    """The annotations of a class itself; what can't be evaluated yet stands for itself."""
    if sys.version_info >= (3, 14):
        return get_annotations(cls, format=Format.FORWARDREF)
    found: Mapping[str, Any] = vars(cls).get("__annotations__", {})
    return found


def evaluated(annotate: FunctionType, owner: type) -> Mapping[str, Any]:
    """What evaluates the annotations of a class answers; what can't be evaluated yet stands for itself."""
    if sys.version_info >= (3, 14):
        return call_annotate_function(annotate, Format.FORWARDREF, owner=owner)
    return {}


# -- modules


class ModuleAnnotations:
    """What is to be known of one module's annotations while statements of it run in a commit.

    Args:
        namespace: of the module.
        before: its statements, as they ran.
    """

    def __init__(self, namespace: dict[str, Any], before: Source) -> None:
        self._namespace = namespace
        self._lazy = is_lazy(before.flags)
        self._before = _texts(before.statements) if self._lazy else []
        self._passed: dict[Facts, frozenset[int]] = {}
        self._again = False
        passed = namespace.get(CONDITIONAL)
        if self._lazy and isinstance(passed, set):
            start = 0
            for each in before.statements:
                count = len(list(annotations_in(each.facts.nodes)))
                if count:
                    self._passed[each.facts] = frozenset(at for at in range(count) if start + at in passed)
                start += count

    def take(self, steps: Iterable[Step], source: Source, undo: Undo) -> None:
        """The module has a new text."""
        for step in steps:
            if step.before is None or step.before.facts not in self._passed:
                continue
            passed = self._passed[step.before.facts]
            if step.way is Way.BLOCK:
                names = [node.target.id for node in annotations_in(step.before.facts.nodes)]  # type: ignore[union-attr]
                known = {names[at] for at in passed}
                now = list(annotations_in(step.statement.facts.nodes))
                passed = frozenset(at for at, node in enumerate(now) if node.target.id in known)  # type: ignore[union-attr]
            self._passed[step.statement.facts] = passed
        if is_lazy(source.flags) != self._lazy:
            self._lazy = is_lazy(source.flags)
            self._passed.clear()
            self._again = True
            for name in (CONDITIONAL, _ANNOTATE, "__annotations__"):
                undo.set_item(self._namespace, name, MISSING)

    @contextmanager
    def running(self, statement: Statement, code: CodeType, *, part: Sequence[ast.stmt] | None) -> Iterator[None]:
        """While a statement, or a part of it, runs: it begins anew what the module knows of its annotations."""
        if not self._lazy or not any(map(is_of_module, _inner(code))):
            yield
            return
        space = self._namespace
        kept = {name: space.get(name, MISSING) for name in (CONDITIONAL, _ANNOTATE)}
        yield
        self._again = True
        passed: Collection[int] = space.get(CONDITIONAL, ())
        if part is None:
            self._passed[statement.facts] = frozenset(passed)
        else:
            ran = [node.target.id for node in annotations_in(part)]  # type: ignore[union-attr]
            names = {ran[at] for at in passed}
            now = enumerate(annotations_in(statement.facts.nodes))
            found = {at for at, node in now if node.target.id in names}  # type: ignore[union-attr]
            self._passed[statement.facts] = self._passed.get(statement.facts, frozenset()) | found
        for name, value in kept.items():
            if value is MISSING:
                space.pop(name, None)
            else:
                space[name] = value

    def settle(self, source: Source, path: str, undo: Undo) -> None:
        """Put together anew what evaluates the module's annotations, where they differ."""
        if not self._lazy or (not self._again and self._before == _texts(source.statements)):
            return
        nodes: list[ast.stmt] = []
        passed: set[int] = set()
        for each in source.statements:
            each.facts.place(each.first)
            found = list(annotations_in(each.facts.nodes))
            passed |= {len(nodes) + at for at in self._passed.get(each.facts, ()) if at < len(found)}
            nodes += map(annotation_alone, found)
        undo.set_item(self._namespace, "__annotations__", MISSING)
        if not nodes:
            undo.set_item(self._namespace, CONDITIONAL, MISSING)
            undo.set_item(self._namespace, _ANNOTATE, MISSING)
            return
        code = compile(ast.Module(body=nodes, type_ignores=[]), path, "exec", flags=source.flags, dont_inherit=True)
        [annotate] = filter(is_of_module, _inner(code))
        undo.set_item(self._namespace, CONDITIONAL, passed)
        undo.set_item(self._namespace, _ANNOTATE, FunctionType(annotate, self._namespace))


def _inner(code: CodeType) -> Iterator[CodeType]:
    return (each for each in code.co_consts if isinstance(each, CodeType))


def _texts(statements: Iterable[Statement]) -> list[str]:
    nodes = (node for each in statements for node in annotations_in(each.facts.nodes))
    return [f"{dump([node.target])} {dump([node.annotation])}" for node in nodes]
