"""Existing instances of an edited class: values for new fields of a dataclass, and instances of a class's double."""

from __future__ import annotations

import dataclasses
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from reloadls.reload.engine.undo import Undo

from .changes import attributes_of
from .classes import CantBeLive

__all__ = ["field_names", "fill_new_fields", "take_over"]

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
