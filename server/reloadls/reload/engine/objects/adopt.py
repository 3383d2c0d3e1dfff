"""Update an existing object from its newly made double, so that every holder of it has the new one.

A statement that is run again makes its functions and classes anew. The old objects are changed into the new ones, and
stay what the name means.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from types import CodeType, FunctionType, GetSetDescriptorType, MemberDescriptorType, MethodType
from typing import Any
from weakref import WeakKeyDictionary, ref

from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.undo import Undo

from .functions import replace_code, set_code
from .lazy import adopt_annotations

__all__ = ["adopt_function", "caches_of", "inner_functions", "lead_on_documents"]

_PLAIN = ("__defaults__", "__kwdefaults__", "__doc__", "__module__", "__name__", "__qualname__")


def adopt_function(old: FunctionType, new: FunctionType, undo: Undo) -> FunctionType:
    """Have `old` do what `new` does. Returns the one that is to be kept: `old`, unless its closure doesn't fit.

    A function can't get another's globals; generated code (of attrs) has its own, with what it reads in them.
    """
    if old is new:
        return old
    followers = [function for each in _led_on.get(old, ()) if (function := each()) is not None]
    fits = old.__code__.co_freevars == new.__code__.co_freevars and old.__globals__ is new.__globals__
    for each in followers:
        _lead_on(each, old if fits else new, undo, looks=new)
    if not fits:
        _lead_on(old, new, undo)
        return new
    _adopt_cells(old, new, undo)
    set_code(old, new.__code__, undo)
    _adopt_attributes(old, new, undo)
    return old


def lead_on_documents(function: FunctionType, undo: Undo) -> None:
    """Those that call a function in place of their own code say of themselves what it says."""
    for each in _led_on.get(function, ()):
        if (old := each()) is not None and old.__doc__ != function.__doc__:
            undo.set_attribute(old, "__doc__", function.__doc__)


def _adopt_attributes(old: FunctionType, new: FunctionType, undo: Undo) -> None:
    for name in (*_PLAIN, *(("__type_params__",) if hasattr(new, "__type_params__") else ())):
        value = getattr(new, name)
        if getattr(old, name) is not value:
            undo.set_attribute(old, name, value)
    adopt_annotations(old, new, undo)
    before, after = dict(vars(old)), dict(vars(new))
    if before or after:
        undo.add(lambda: _set_vars(old, before))
        _set_vars(old, after)


def _set_vars(function: FunctionType, values: dict[str, Any]) -> None:
    vars(function).clear()
    vars(function).update(values)


def _adopt_cells(old: FunctionType, new: FunctionType, undo: Undo) -> None:
    """Give the old closure what the new one holds; functions inside keep their identity in the same way."""
    for name, one, other in zip(old.__code__.co_freevars, old.__closure__ or (), new.__closure__ or (), strict=True):
        if one is other or name in ("__class__", "__classdict__"):
            continue
        before, after = _content(one), _content(other)
        if before is after:
            continue
        if _are_same_function(before, after):
            undo.add(_cell_setter(other, after))
            other.cell_contents = before  # functions may close over themselves, or each other
            after = adopt_function(before, after, undo)
            other.cell_contents = after
        undo.add(_cell_setter(one, before))
        _cell_setter(one, after)()


_EMPTY = object()


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _EMPTY


def _cell_setter(cell: Any, value: Any) -> Callable[[], None]:
    def put() -> None:
        if value is _EMPTY:
            del cell.cell_contents
        else:
            cell.cell_contents = value

    return put


def _are_same_function(one: Any, other: Any) -> bool:
    return (
        is_a(one, FunctionType)
        and is_a(other, FunctionType)
        and one.__globals__ is other.__globals__
        and one.__code__.co_qualname == other.__code__.co_qualname
    )


def caches_of(functions: Iterable[FunctionType], objects: Iterable[Any]) -> list[Any]:
    """What `functools.cache` has made of functions, or of what is made around them, among these objects."""
    inside = {id(function) for function in functions}
    found = [each for each in objects if type(each) in _MAY_CACHE]
    plain = (each.__func__ if type(each) in (staticmethod, classmethod) else each for each in found)
    return [each for each in plain if type(each) is functools._lru_cache_wrapper and _is_around(each, inside)]


_MAY_CACHE = frozenset([functools._lru_cache_wrapper, staticmethod, classmethod])


def _is_around(cache: Any, inside: set[int]) -> bool:
    """Whether a cache, of which there may be many, remembers calls of any of these functions."""
    function = cache.__wrapped__
    if type(function) is FunctionType and not function.__closure__ and not vars(function):
        return id(function) in inside
    return any(id(inner) in inside for inner in inner_functions(cache))


def inner_functions(value: Any) -> list[FunctionType]:
    """The functions that a function, method, descriptor or wrapper is made around, itself included."""
    found: list[FunctionType] = []
    waiting = [value]
    while waiting and len(found) < 20:
        each = waiting.pop()
        if is_a(each, FunctionType):
            if any(each is known for known in found):
                continue
            found.append(each)
            waiting.extend(_content(cell) for cell in each.__closure__ or ())
        elif is_a(each, (staticmethod, classmethod, MethodType)):
            waiting.append(each.__func__)
        elif is_a(each, property):
            waiting.extend(part for part in (each.fget, each.fset, each.fdel) if part)
        waiting.extend(_parts(each))
    return found


def _parts(value: Any) -> list[Any]:
    if is_a(value, type) or value is _EMPTY:
        return []
    names = ("__wrapped__", "func", "callback")
    parts = (_safe(value, name) for name in names)
    return [part for part in parts if part is not None]


def _safe(value: Any, name: str) -> Any:
    found = inspect.getattr_static(value, name, None)
    if is_a(found, (MemberDescriptorType, GetSetDescriptorType)):
        return found.__get__(value)
    return found if not is_a(found, (property, FunctionType)) or name == "__wrapped__" else None


# -- where the closure doesn't fit

_TARGET = "reloadls: the function that took over"


def _plain(*args: Any, **kwargs: Any) -> Any:
    target: Any = "reloadls: the function that took over"
    return target(*args, **kwargs)


def _generator(*args: Any, **kwargs: Any) -> Any:
    target: Any = "reloadls: the function that took over"
    return (yield from target(*args, **kwargs))


async def _coroutine(*args: Any, **kwargs: Any) -> Any:
    target: Any = "reloadls: the function that took over"
    return await target(*args, **kwargs)


async def _async_generator(*args: Any, **kwargs: Any) -> Any:
    target: Any = "reloadls: the function that took over"
    async for each in target(*args, **kwargs):
        yield each


_led_on: WeakKeyDictionary[FunctionType, list[ref[FunctionType]]] = WeakKeyDictionary()
"""A function -> those that call it, as they were it before."""


def _lead_on(old: FunctionType, new: FunctionType, undo: Undo, looks: FunctionType | None = None) -> None:
    """Have the old function call the new one, which closes over other names (a `super()` that was not there before)."""
    template = _template(new.__code__.co_flags)
    consts = tuple(new if each == _TARGET else each for each in template.co_consts)
    code = template.replace(
        co_consts=consts,
        co_freevars=old.__code__.co_freevars,  # it has to fit the closure, and uses none of it
        co_name=new.__code__.co_name,
        co_qualname=new.__code__.co_qualname,
    )
    replace_code(old, code, undo)
    _adopt_attributes(old, looks or new, undo)
    undo.set_attribute(old, "__defaults__", None)
    undo.set_attribute(old, "__kwdefaults__", None)
    vars(old)["__wrapped__"] = new  # so that its signature and source are the new one's
    led = _led_on.setdefault(new, [])
    if all(each() is not old for each in led):
        led.append(ref(old))


def _template(flags: int) -> CodeType:
    if flags & inspect.CO_ASYNC_GENERATOR:
        return _async_generator.__code__
    if flags & inspect.CO_COROUTINE:
        return _coroutine.__code__
    return (_generator if flags & inspect.CO_GENERATOR else _plain).__code__
