"""Where a statement ran again, what stays stands wherever its double was put: in containers, objects, closures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from types import FunctionType, MethodType
from typing import Any
from weakref import KeyedRef, ref

from reloadls.reload.engine.objects.changes import Change, set_slot, state_of
from reloadls.reload.engine.objects.containers import CONTAINERS, entries, is_a, refill
from reloadls.reload.engine.objects.reach import reach

__all__ = ["Doubles", "replace_everywhere"]

Doubles = dict[int, tuple[Any, Any]]
"""The id of a double -> the double, and what stands in its place."""

_MOST = 2_000
"""How many objects are looked at that were made with a double."""
_IMMUTABLE = (tuple, ref, KeyedRef, MethodType)
"""What is made anew with what stays in the place of the double."""


def replace_everywhere(
    containers: Iterable[Any], given: Sequence[Change], own: frozenset[str], doubles: Doubles
) -> None:
    """Replace doubles; what had to be made anew for that is a double from then on, too.

    Args:
        containers: those of the program.
        given: what statements have changed, which leads to all else that can hold a double.
        own: the names of the program's modules.
        doubles: what to replace.
    """
    for container in containers:
        _replace(container, doubles)
    kept = [each for _, each in doubles.values() if is_a(each, type)]
    starts = [value for change in given for _, value in change.given()]
    starts += [value for each in kept for value in type.__getattribute__(each, "__dict__").values()]
    for each in list(reach(starts, own, most=_MOST)):
        if is_a(each, FunctionType):
            _replace_in_function(each, doubles)
        elif not is_a(each, (type, *CONTAINERS, *_IMMUTABLE)):
            _replace_in_object(each, doubles)
    for cls in kept:
        _replace_attributes(cls, doubles)
    for change in given:
        if change.attributes and is_a(change.owner, type):
            _replace_attributes(change.owner, doubles)


def _replace(container: Any, doubles: Doubles) -> None:
    content = entries(container)
    _replace_within((part for pair in content for part in pair) if is_a(container, dict) else content, doubles)
    if is_a(container, dict):
        if any(id(part) in doubles for pair in content for part in pair):
            refill(container, [(_kept(key, doubles), _kept(value, doubles)) for key, value in content])
    elif any(id(each) in doubles for each in content):
        there = {id(each) for each in content}
        # One that was there before, and was not known to be this statement's, is enough.
        left = [each for each in content if id(each) not in doubles or id(_kept(each, doubles)) not in there]
        refill(container, [_kept(each, doubles) for each in left])


def _replace_within(parts: Iterable[Any], doubles: Doubles) -> None:
    """A tuple with a double in it is a double, too, and so is a weak reference to one, and a method of one."""
    for each in parts:
        if id(each) in doubles:
            continue
        if type(each) is tuple:
            _replace_within(each, doubles)
            if any(id(part) in doubles for part in each):
                doubles[id(each)] = (each, tuple(_kept(part, doubles) for part in each))
        elif type(each) in (ref, KeyedRef) and id(each()) in doubles:
            kept = _kept(each(), doubles)
            key = (each.key,) if type(each) is KeyedRef else ()
            doubles[id(each)] = (each, type(each)(kept, each.__callback__, *key))
        elif type(each) is MethodType and id(each.__self__) in doubles:
            doubles[id(each)] = (each, _method_of(_kept(each.__self__, doubles), each))


def _method_of(owner: Any, method: MethodType) -> MethodType:
    """The method of a class that stays, in the place of one of its double."""
    function: Any = method.__func__
    own = type.__getattribute__(owner, "__dict__").get(function.__name__) if is_a(owner, type) else None
    return MethodType(own.__func__ if is_a(own, classmethod) else function, owner)


def _replace_in_function(function: FunctionType, doubles: Doubles) -> None:
    for cell in function.__closure__ or ():
        _replace_in_object(cell, doubles)
    for name, value in list(function.__dict__.items()):
        function.__dict__[name] = _checked(value, doubles)
    if function.__defaults__:
        function.__defaults__ = _checked(function.__defaults__, doubles)
    if function.__kwdefaults__:
        function.__kwdefaults__ = {name: _checked(value, doubles) for name, value in function.__kwdefaults__.items()}


def _replace_in_object(holder: Any, doubles: Doubles) -> None:
    if type(holder) is partial:
        named = {name: _checked(value, doubles) for name, value in holder.keywords.items()}
        state = _checked(holder.func, doubles), _checked(holder.args, doubles), named, vars(holder)
        holder.__setstate__(state)  # type: ignore[attr-defined]
    if id(type(holder)) in doubles:  # a hook has made an instance
        with suppress(TypeError):
            object.__setattr__(holder, "__class__", _kept(type(holder), doubles))
    for name, value in (state_of(holder) or {}).items():
        if (now := _checked(value, doubles)) is not value:
            set_slot(holder, name, now, attributes=True)


def _replace_attributes(cls: type, doubles: Doubles) -> None:
    for name, value in list(type.__getattribute__(cls, "__dict__").items()):
        if (now := _checked(value, doubles)) is not value:
            type.__setattr__(cls, name, now)


def _checked(value: Any, doubles: Doubles) -> Any:
    """What is to stand where a value is."""
    _replace_within([value], doubles)
    return _kept(value, doubles)


def _kept(value: Any, doubles: Doubles) -> Any:
    found = doubles.get(id(value))
    return value if found is None else found[1]
