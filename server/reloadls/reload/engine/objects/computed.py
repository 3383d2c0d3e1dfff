"""Values that were computed once and kept: attributes of instances (`functools.cached_property`), names of modules."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import _lru_cache_wrapper, cached_property
from types import FunctionType, ModuleType
from typing import Any

from reloadls.reload.engine.analysis.bytecode import all_names_in
from reloadls.reload.engine.analysis.codes import same_but_lines
from reloadls.reload.engine.undo import MISSING, Undo

from .changes import attributes_of
from .containers import is_a
from .values import copy_of, is_immutable

__all__ = ["forget_attribute", "is_computed_anew", "keeps_names", "kept_names", "may_call", "remembers_plain_data"]

_KEEPING = frozenset(["__dict__", "globals", "setattr", "vars"])
"""What a module's `__getattr__` uses to bind a name."""


def is_computed_anew(before: Any, after: Any) -> bool:
    """Whether both compute an attribute once, and the second does it in another way."""
    if not (is_a(before, cached_property) and is_a(after, cached_property)):
        return False
    one, other = (getattr(each.func, "__code__", None) for each in (before, after))
    return one is None or other is None or not same_but_lines(one, other)


def forget_attribute(cls: type, name: str, undo: Undo, *, only_plain: bool = False) -> None:
    """Have an attribute computed anew in all instances that have computed it, or those where it can't have state."""
    kinds = [cls]
    for kind in kinds:
        kinds += type.__subclasses__(kind)
    for each in gc.get_referrers(*kinds):
        if any(type(each) is kind for kind in kinds):
            values = attributes_of(each) or {}
            if name in values and not (only_plain and _may_have_state(values[name])):
                undo.set_item(values, name, MISSING)


def _may_have_state(value: Any) -> bool:
    copy = copy_of(value)
    return copy is MISSING or not is_immutable(copy)


_DEPTH = 3
"""How many calls of functions by their names are followed."""


def may_call(function: FunctionType, name: str) -> bool:
    """Whether a function may call a method of this name, by what it and the functions that it calls read."""
    known = level = {function}
    for _ in range(_DEPTH + 1):
        read = [(each, all_names_in(each.__code__)) for each in level]
        if any(name in names for _, names in read):
            return True
        called = (each.__globals__.get(other) for each, names in read for other in names)
        level = {each for each in called if is_a(each, FunctionType)} - known
        known = known | level
    return False


def remembers_plain_data(cache: _lru_cache_wrapper[Any]) -> bool:
    """Whether all answers that a cache keeps are values without state: forgetting them loses nothing."""
    parts = gc.get_referents(cache)
    kept = next((each for each in parts if type(each) is dict and each is not cache.__dict__), {})
    # Of a cache with a limit, the dictionary leads to links that hide their contents, which the cache itself shows.
    links = any(type(each).__name__ == "_lru_list_elem" for each in kept.values())
    known = {id(kept), id(cache.__dict__), id(cache.__wrapped__), *map(id, kept)}
    found = [each for each in parts if id(each) not in known and type(each) not in (type, object)]
    return not any(map(_may_have_state, found if links else kept.values()))


def keeps_names(namespace: dict[str, Any]) -> bool:
    """Whether a module's `__getattr__` (PEP 562) may bind the names that it was asked for."""
    ask = namespace.get("__getattr__")
    if not is_a(ask, FunctionType):
        return False
    names = all_names_in(ask.__code__)
    called = (ask.__globals__.get(name) for name in names)
    codes = (each.__code__ for each in called if is_a(each, FunctionType))
    return not _KEEPING.isdisjoint(names) or any(not _KEEPING.isdisjoint(all_names_in(code)) for code in codes)


def kept_names(namespace: dict[str, Any], bound: set[str]) -> Iterator[str]:
    """The names of a module that its `__getattr__` has bound.

    Args:
        namespace: of the module.
        bound: the names that its statements and functions bind.
    """
    inside = f"{namespace.get('__name__')}."
    for name, value in list(namespace.items()):
        is_part = is_a(value, ModuleType) and value.__name__ == inside + name
        if not is_part and name not in bound and not name.startswith("__"):
            yield name
