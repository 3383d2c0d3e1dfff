"""Update what the interpreter and the standard library have derived from a module's text and classes."""

from __future__ import annotations

import abc
import ast
import collections.abc
import functools
import opcode
import sys
import typing
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any

from reloadls.reload.engine.analysis.codes import all_codes, inner_codes, is_class_body
from reloadls.reload.engine.analysis.statements import Facts, Statement
from reloadls.reload.engine.objects.containers import home_of, is_a
from reloadls.reload.engine.program.modules import LoadedModule
from reloadls.reload.engine.undo import MISSING, Undo

from .plan import ModulePlan

__all__ = ["forget_kinds", "refresh", "refresh_docstring"]


def refresh(
    plans: Iterable[ModulePlan], modules: Iterable[LoadedModule], compiled: Mapping[Facts, CodeType], undo: Undo
) -> None:
    """Bring up to date what the edited modules' text says of itself, and what is remembered of their classes.

    Args:
        plans: the edited modules.
        modules: all of the program.
        compiled: the code of statements that were compiled for this.
        undo: learns how to take it back.
    """
    classes = False
    for plan in plans:
        if "__doc__" not in plan.module.namespace:  # a statement that had set it is gone
            undo.set_item(plan.module.namespace, "__doc__", _document_of(plan.source.statements))
        documents = _changed_documents(plan)
        _forget_overloads(plan.module, undo)
        if sys.version_info >= (3, 13):
            _refresh_lines(plan, undo)
        codes = [each for known in plan.module.codes.values() for each in known]
        codes += [
            each
            for step in plan.steps
            if step.statement.facts in compiled
            for each in inner_codes(compiled[step.statement.facts])
        ]
        for code in all_codes(codes):
            if is_class_body(code):
                _refresh_class(plan.module, code, undo, document=code.co_qualname in documents)
        classes = classes or any("." in name or _is_class(plan.module, name) for name in plan.changed)
        classes = classes or any(_makes_kinds(each) for each in _touched(plan))
    if classes:
        undo.at_the_end(lambda: forget_kinds(list(modules)))


def _touched(plan: ModulePlan) -> Iterator[ast.stmt]:
    """The statements that were edited, and those that are gone."""
    statements: list[Statement] = [*plan.difference.removed]
    for step in plan.steps:
        if step.before is None or step.before.facts is not step.statement.facts:
            statements.append(step.statement)
    for each in statements:
        yield from each.facts.nodes


def _makes_kinds(node: ast.stmt) -> bool:
    """Whether a statement may register something with a class or function: it, or what it calls."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return bool(node.decorator_list)
    calls = (each.func for each in ast.walk(node) if isinstance(each, ast.Call))
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        return any(isinstance(call, ast.Attribute) and call.attr == "register" for call in calls)
    return isinstance(node, ast.ClassDef) or any(calls)


def _is_class(module: LoadedModule, name: str) -> bool:
    return is_a(module.namespace.get(name), type)


# -- docstrings


def refresh_docstring(plan: ModulePlan, undo: Undo) -> bool:
    """Give an edited module its new docstring; False if that is as before, whatever statements have made of it."""
    before = [*plan.difference.removed, *(step.before for step in plan.steps if step.before is not None)]
    new = _document_of(plan.source.statements)
    if _document_of(before) == new:
        return False
    undo.set_item(plan.module.namespace, "__doc__", new)
    return True


def _document_of(statements: Collection[Statement]) -> str | None:
    """The docstring of a module."""
    return _docstring(min(statements, key=lambda each: each.first).facts.nodes) if statements else None


def _docstring(nodes: tuple[ast.stmt, ...]) -> str | None:
    if nodes and isinstance(nodes[0], ast.Expr) and isinstance(nodes[0].value, ast.Constant):
        value = nodes[0].value.value
        return value if isinstance(value, str) else None
    return None


def _changed_documents(plan: ModulePlan) -> set[str]:
    """The qualified names of the classes that have another docstring than before; what is new has one, too."""
    steps = [each for each in plan.steps if each.before is None or each.before.facts is not each.statement.facts]
    before = {key for each in steps if each.before is not None for key in _documents(each.before.facts.nodes)}
    return {
        name for each in steps for name, text in _documents(each.statement.facts.nodes) if (name, text) not in before
    }


def _documents(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str | None]]:
    """The qualified names of classes, and their docstrings."""
    waiting = [(node, "") for node in nodes]
    while waiting:
        node, outer = waiting.pop()
        if isinstance(node, ast.ClassDef):
            yield f"{outer}{node.name}", ast.get_docstring(node, clean=False)
            waiting += [(each, f"{outer}{node.name}.") for each in node.body]
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.expr)):
            waiting += [(each, outer) for each in ast.iter_child_nodes(node)]


# -- classes


def _refresh_class(module: LoadedModule, code: CodeType, undo: Undo, *, document: bool) -> None:
    """Which attributes a class's methods set, and its docstring if that is another."""
    cls = _class(module, code.co_qualname)
    if cls is None:
        return
    own = type.__getattribute__(cls, "__dict__")
    found: dict[str, Any] = {}
    if "__static_attributes__" in own:
        found["__static_attributes__"] = _stored_constant(code, "__static_attributes__")
    if document and isinstance(own.get("__doc__"), str | None) and "__doc__" in own:
        found["__doc__"] = _stored_constant(code, "__doc__")
    for name, value in found.items():
        if value is not MISSING and own.get(name) != value:
            undo.set_class_attribute(cls, name, value)


def _class(module: LoadedModule, qualname: str) -> type | None:
    cls: Any = module.namespace.get(qualname.partition(".")[0])
    for name in qualname.split(".")[1:]:
        cls = type.__getattribute__(cls, "__dict__").get(name) if is_a(cls, type) else None
    ours = is_a(cls, type) and cls.__qualname__ == qualname and home_of(cls) == module.name
    return cls if ours else None


def _refresh_lines(plan: ModulePlan, undo: Undo) -> None:
    """Where classes begin."""
    for statement in plan.source.statements:
        first = statement.facts.nodes[0]
        moved = statement.first - _first_line(first)
        waiting = [(node, "") for node in statement.facts.nodes]
        while waiting:
            node, outer = waiting.pop()
            if not isinstance(node, ast.ClassDef):
                continue
            cls = _class(plan.module, outer + node.name)
            line = _first_line(node) + moved
            if cls is not None and vars(cls).get("__firstlineno__", line) != line:
                undo.set_class_attribute(cls, "__firstlineno__", line)
            waiting += [(inner, f"{outer}{node.name}.") for inner in node.body]


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def _stored_constant(code: CodeType, name: str) -> Any:
    """The constant that a class body binds to a name."""
    if name not in code.co_names:
        return MISSING
    found, constant, argument = MISSING, MISSING, 0
    for at in range(0, len(code.co_code), 2):
        operation, low = code.co_code[at], code.co_code[at + 1]
        argument = argument << 8 | low
        if operation == opcode.opmap["EXTENDED_ARG"]:
            continue
        if operation == opcode.opmap["STORE_NAME"] and code.co_names[argument] == name:
            found = constant
        constant = code.co_consts[argument] if operation == opcode.opmap["LOAD_CONST"] else MISSING
        argument = 0
    return found


# -- what is remembered of functions and classes


def _forget_overloads(module: LoadedModule, undo: Undo) -> None:
    """Overloads of functions that are no more."""
    registry: Any = getattr(typing, "_overload_registry", {})
    if module.name not in registry:
        return
    now = {id(code) for codes in module.codes.values() for code in all_codes(codes)}
    for overloads in list(registry[module.name].values()):
        for line, function in list(overloads.items()):
            if id(getattr(function, "__code__", None)) not in now:
                undo.add(functools.partial(overloads.__setitem__, line, function))
                del overloads[line]


def forget_kinds(modules: Iterable[LoadedModule]) -> None:
    """What abstract classes remember of others, and single dispatch of types."""
    seen: set[int] = set()
    spaces = [module.namespace for module in modules]
    values = [value for space in spaces for value in list(space.values())]
    for value in (*vars(collections.abc).values(), *values):
        if id(value) in seen:
            continue
        seen.add(id(value))
        if is_a(value, type):
            for each in value.__mro__:
                if is_a(each, abc.ABCMeta):
                    abc.ABCMeta._abc_caches_clear(each)  # type: ignore[attr-defined]
                    _refresh_protocol(each)
            for member in type.__getattribute__(value, "__dict__").values():
                if is_a(member, functools.singledispatchmethod):
                    member.dispatcher._clear_cache()
        elif is_a(value, FunctionType) and hasattr(value, "_clear_cache") and hasattr(value, "registry"):
            value._clear_cache()


def _refresh_protocol(cls: Any) -> None:
    """Which members a protocol has: `isinstance` looks there."""
    own = type.__getattribute__(cls, "__dict__")
    if not own.get("_is_protocol"):
        return
    if "__protocol_attrs__" in own:
        members = typing._get_protocol_attrs(cls)  # type: ignore[attr-defined]
        if members != own["__protocol_attrs__"]:
            cls.__protocol_attrs__ = members
    if "__non_callable_proto_members__" in own:
        cls.__non_callable_proto_members__ = {
            name for name in cls.__protocol_attrs__ if not callable(getattr(cls, name, None))
        }
