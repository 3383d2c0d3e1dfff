"""Existing instances of an edited class: values for new fields, their places as keys, and instances of its double."""

from __future__ import annotations

import dataclasses
import gc
import inspect
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from types import FunctionType
from typing import Any

from reloadls.reload.engine.undo import Undo

from .changes import attributes_of
from .classes import CantBeLive
from .containers import is_a

__all__ = ["field_names", "fill_new_fields", "hashes_differ", "holders_by_hash", "is_in_use", "place_keys", "take_over"]

_Make = Callable[[Any], Any]
"""An instance -> the value of a field that it has not got."""


def field_names(cls: type) -> frozenset[str]:
    """The fields of a class; empty for one that is neither a dataclass nor of attrs."""
    return frozenset(name for name, _ in _fields(cls))


def fill_new_fields(cls: type, before: frozenset[str], undo: Undo) -> None:
    """Give instances their new fields, from the default or the factory. Raises CantBeLive where there is neither."""
    new = [(name, make) for name, make in _fields(cls) if name not in before]
    if not before or not new:
        return
    for instance in _instances(cls):
        values = attributes_of(instance)
        for name, make in new if values is not None else ():
            if values is None or name in values:
                continue
            if make is None:
                raise CantBeLive(f"{cls.__qualname__}.{name} has no default, and there are instances without it")
            undo.set_item(values, name, make(instance))


def take_over(double: type, kept: type, undo: Undo) -> None:
    """Have instances and subclasses of a class's double be of the class that is kept, which has the same layout."""
    if double is kept:
        return
    for instance in [each for each in gc.get_referrers(double) if type(each) is double]:
        with suppress(TypeError):
            object.__setattr__(instance, "__class__", kept)
            undo.add(partial(object.__setattr__, instance, "__class__", double))
    below: list[type] = type.__subclasses__(double)
    for cls in below:
        with suppress(TypeError):
            undo.set_attribute(cls, "__bases__", tuple(kept if base is double else base for base in cls.__bases__))


def is_in_use(cls: type) -> bool:
    """Whether there are instances of a class, or subclasses."""
    return bool(type.__subclasses__(cls) or _instances(cls))


def hashes_differ(cls: type, names: Iterable[str]) -> bool:
    """Whether instances may have another hash, now that these attributes of their class are others."""
    made = inspect.getattr_static(cls, "__hash__")
    if made is None:
        return False
    of_fields = is_a(made, FunctionType) and bool(field_names(cls))
    return any(
        name in ("__hash__", "__eq__")
        or (of_fields and not is_a(inspect.getattr_static(cls, name, None), FunctionType))
        for name in names
    )


def holders_by_hash(cls: type) -> list[Any]:
    """The dictionaries and sets of which instances of a class are keys, alone or within tuples."""
    keys: list[Any] = _instances(cls)
    keys += [each for each in gc.get_referrers(*keys) if type(each) is tuple] if keys else []
    known = set(map(id, keys))
    found = (each for each in gc.get_referrers(*keys) if is_a(each, (*_HASHED, frozenset))) if keys else ()
    return [holder for holder in found if any(id(each) in known for each in _iterate(holder))]


def place_keys(holder: Any) -> None:
    """Have a dictionary or set find its keys by their present hash."""
    kind: Any = next(kind for kind in _HASHED if is_a(holder, kind))
    with suppress(Exception):  # a hash that fails would fail at a fresh start, too
        _place_again(holder, kind)


_HASHED = (OrderedDict, dict, set)


def _iterate(holder: Any) -> list[Any]:
    """The keys. Not by the methods of an OrderedDict, which look each key up."""
    kind: Any = next(each for each in (dict, set, frozenset) if is_a(holder, each))
    return list(kind.__iter__(holder))


def _place_again(holder: Any, kind: Any) -> None:
    if kind is set:
        found = {_anew(each) for each in list(set.__iter__(holder))}
        set.clear(holder)
        set.update(holder, found)
        return
    pairs = {_anew(key): value for key, value in list(dict.items(holder))}
    kind.clear(holder)
    if kind is dict:
        dict.update(holder, pairs)  # by the hashes that are known by now: no code of the program runs that could fail
        return
    for key, value in pairs.items():
        kind.__setitem__(holder, key, value)


def _anew(key: Any) -> Any:
    """A key that does not remember its hash: from Python 3.15 on, a tuple does."""
    return tuple([_anew(each) for each in key]) if type(key) is tuple else key


def _fields(cls: type) -> Iterator[tuple[str, _Make | None]]:
    own = attributes_of(cls) or {}
    for field in own.get("__dataclass_fields__", {}).values():
        if field._field_type is dataclasses._FIELD:  # type: ignore[attr-defined]
            yield field.name, _of_dataclass(field)
    attr = sys.modules.get("attr")
    for field in own.get("__attrs_attrs__", ()) if attr is not None else ():
        yield field.name, _of_attrs(field, attr)


def _of_dataclass(field: Any) -> _Make | None:
    if field.default_factory is not dataclasses.MISSING:
        return lambda _: field.default_factory()
    return None if field.default is dataclasses.MISSING else lambda _: field.default


def _of_attrs(field: Any, attr: Any) -> _Make | None:
    if field.default is attr.NOTHING:
        return None
    if isinstance(field.default, attr.Factory):
        factory = field.default.factory
        return factory if field.default.takes_self else lambda _: factory()
    return lambda _: field.default


def _instances(cls: type) -> list[Any]:
    classes: list[type] = [cls]
    for each in classes:
        below: list[type] = type.__subclasses__(each)
        classes += [sub for sub in below if sub not in classes]
    return [each for known in classes for each in gc.get_referrers(known) if type(each) is known]
