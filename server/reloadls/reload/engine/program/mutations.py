"""What an unnamed statement did to containers, as far as its text shows, and how to undo it.

`HANDLERS.append(on_event)`, `TABLE["key"] = value`, `bus.subscribe("saved", on_saved)`.
"""

from __future__ import annotations

import ast
import builtins
import inspect
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

from reloadls.reload.engine.analysis.codes import all_codes
from reloadls.reload.engine.analysis.depth import any_depth
from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.objects.adopt import inner_functions
from reloadls.reload.engine.objects.containers import CONTAINERS, entries, home_of, is_a, length, refill
from reloadls.reload.engine.objects.values import same_value
from reloadls.reload.engine.undo import Undo

from .registrations import Registrations

__all__ = ["acts", "module_of", "reached_by", "undo_in_containers", "undo_mutations", "value_of"]

_UNKNOWN = object()
_UNCHANGING = (int, float, str, bytes, tuple, frozenset)


def undo_mutations(statement: Statement, namespace: dict[str, Any], registrations: Registrations) -> None:
    """Take out of containers what the statement has put into them."""
    for node in statement.facts.nodes:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            _undo_call(node.value, namespace, registrations)
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, (ast.Add, ast.BitOr)):
            _undo_all(value_of(node.target, namespace), value_of(node.value, namespace))
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Subscript):
                    _undo_item(target, namespace)


def acts(statement: Statement) -> bool:
    """Whether a statement of a class's body may do more than bind names."""
    return any(_may_act(node) for node in statement.facts.nodes)


@any_depth
def _may_act(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign):
        return any(isinstance(target, (ast.Subscript, ast.Attribute)) for target in node.targets)
    if isinstance(node, (ast.If, ast.Try, ast.With, ast.For, ast.While)):
        return any(isinstance(each, ast.stmt) and _may_act(each) for each in ast.iter_child_nodes(node))
    return isinstance(node, ast.AugAssign)


def undo_in_containers(statement: Statement, namespace: dict[str, Any], undo: Undo) -> bool:
    """Take out of the containers that it names what a statement has put in. False if it may have done more."""
    owners = [_owner_of(node, namespace) for node in statement.facts.nodes]
    if not all(is_a(owner, CONTAINERS) for owner in owners):
        bound = all(isinstance(getattr(node, "target", None), ast.Name) for node in statement.facts.nodes)
        return bound and all(is_a(owner, _UNCHANGING) for owner in owners)  # the name is bound anew
    for owner in owners:
        undo.add(partial(refill, owner, entries(owner)))
    before = [length(owner) for owner in owners]
    undo_mutations(statement, namespace, Registrations([], frozenset()))
    return all(length(owner) < size for owner, size in zip(owners, before, strict=True))


def _owner_of(node: ast.stmt, namespace: dict[str, Any]) -> Any:
    """The container that a statement changes, if its text is as simple as that."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        return value_of(node.value.func.value, namespace)
    if isinstance(node, ast.AugAssign):
        return value_of(node.target, namespace)
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Subscript):
        return value_of(node.targets[0].value, namespace)
    return _UNKNOWN


def _undo_item(target: ast.Subscript, namespace: dict[str, Any]) -> None:
    container, key = value_of(target.value, namespace), value_of(target.slice, namespace)
    if is_a(container, dict) and key is not _UNKNOWN:
        _drop(container, key)


def _undo_call(call: ast.Call, namespace: dict[str, Any], registrations: Registrations) -> None:
    arguments = [value_of(each, namespace) for each in (*call.args, *(keyword.value for keyword in call.keywords))]
    if isinstance(call.func, ast.Attribute):
        owner = value_of(call.func.value, namespace)
        if is_a(owner, CONTAINERS):
            _undo_method(owner, call, arguments)
            return
    _undo_registration(call, arguments, namespace, registrations)


def _undo_method(owner: Any, call: ast.Call, arguments: list[Any]) -> None:
    assert isinstance(call.func, ast.Attribute)
    name = call.func.attr
    if any(each is _UNKNOWN for each in arguments) or not (arguments or call.keywords):
        return
    if is_a(owner, dict):
        keys: list[Any] = []
        if name == "update":
            keys = [keyword.arg for keyword in call.keywords] + list(arguments[0] if call.args else ())
        elif name == "setdefault":
            keys = [arguments[0]]
        for key in keys:
            _drop(owner, key)
    elif name in ("append", "appendleft", "add", "insert"):
        _drop(owner, arguments[-1])
    elif name in ("extend", "update") and call.args:
        _undo_all(owner, arguments[0])


def _undo_all(owner: Any, values: Any) -> None:
    if not is_a(values, (list, tuple, set, dict)) or not is_a(owner, CONTAINERS):
        return
    for each in entries(values):
        _drop(owner, each[0] if is_a(values, dict) else each)


def _drop(owner: Any, value: Any) -> None:
    """Remove the last entry that is this object, or the same number or text."""
    content = entries(owner)
    keys = [pair[0] for pair in content] if is_a(owner, dict) else content
    place = next((at for at in reversed(range(len(keys))) if same_value(keys[at], value)), None)
    if place is not None:
        del content[place]
        refill(owner, content)


def _undo_registration(
    call: ast.Call, arguments: list[Any], namespace: dict[str, Any], registrations: Registrations
) -> None:
    """A call of something that keeps what it is given: what it was given is taken out of what it leads to."""
    given = [each for each in arguments if is_a(each, (FunctionType, type)) or _is_instance(each)]
    target = value_of(call.func.value if isinstance(call.func, ast.Attribute) else call.func, namespace)
    if not given or target is _UNKNOWN or is_a(target, ModuleType):
        return
    registrations.take_out(given, reached_by(target))


def reached_by(target: Any) -> list[Any]:
    """What a call of an object may put something into: itself, and the names that its functions read."""
    starts = [target]
    for function in inner_functions(target):
        names = dict.fromkeys(name for code in all_codes([function.__code__]) for name in code.co_names)
        starts += [function.__globals__[name] for name in names if name in function.__globals__]
    return starts


def _is_instance(value: Any) -> bool:
    return value is not _UNKNOWN and type(value).__dictoffset__ != 0 and not is_a(value, ModuleType)


@any_depth
def value_of(node: ast.expr, namespace: dict[str, Any]) -> Any:
    """What an expression means that is no more than names, attributes and literals."""
    if isinstance(node, ast.Name):
        return namespace.get(node.id, _UNKNOWN)
    if isinstance(node, ast.Attribute):
        return _attribute(value_of(node.value, namespace), node.attr)
    if isinstance(node, (ast.Tuple, ast.List)):
        parts = [value_of(each, namespace) for each in node.elts]
        return (
            _UNKNOWN
            if any(each is _UNKNOWN for each in parts)
            else parts
            if isinstance(node, ast.List)
            else tuple(parts)
        )
    if isinstance(node, ast.Subscript):
        owner, key = value_of(node.value, namespace), value_of(node.slice, namespace)
        return dict.get(owner, key, _UNKNOWN) if is_a(owner, dict) and _is_plain(key) else _UNKNOWN
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _UNKNOWN


def module_of(node: ast.expr, namespace: dict[str, Any]) -> str | None:
    """The name of the module that a function, class or method is of; None if its text does not say which it is."""
    value = value_of(node, namespace)
    if value is _UNKNOWN and isinstance(node, ast.Name):
        value = vars(builtins).get(node.id, _UNKNOWN)
    if value is _UNKNOWN and isinstance(node, ast.Attribute):
        value = type(value_of(node.value, namespace))
    value = value.__func__ if is_a(value, (MethodType, staticmethod, classmethod)) else value
    if is_a(value, FunctionType):
        return str(value.__globals__.get("__name__"))
    if is_a(value, type) and value is not object:
        return home_of(value)
    return None if value is _UNKNOWN or value is object or _is_instance(value) else home_of(type(value))


def _is_plain(key: Any) -> bool:
    return type(key) in (str, int, float, bool, bytes)


def _attribute(owner: Any, name: str) -> Any:
    if owner is _UNKNOWN:
        return _UNKNOWN
    if is_a(owner, ModuleType):
        return vars(owner).get(name, _UNKNOWN)
    found = inspect.getattr_static(owner, name, _UNKNOWN)
    return _UNKNOWN if hasattr(type(found), "__get__") and not is_a(found, FunctionType) else found
