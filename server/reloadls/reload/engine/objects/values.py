"""Values without identity: whether a new one is indistinguishable from the old one, and whether one has changed."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from enum import Enum
from types import FunctionType
from typing import Any

from reloadls.reload.engine.objects.containers import home_of, is_a
from reloadls.reload.engine.undo import MISSING

from .changes import state_of

__all__ = ["OPEN", "copy_of", "is_immutable", "same_calls", "same_value"]

_VALUES = (bool, int, float, complex, str, bytes, type(None))
_IMMUTABLE = frozenset(["datetime", "decimal", "fractions", "ipaddress", "pathlib", "re", "uuid"])
"""Modules of the standard library whose objects can't change."""
_FIXED = (tuple, frozenset)
OPEN = (list, dict, set, deque, defaultdict, Counter, OrderedDict)
"""What can be changed in place, and is of the language itself."""
_MOST_PARTS = 200


def copy_of(value: Any) -> Any:
    """A copy of plain data, to be compared with a later one; MISSING for what holds anything else, or is large."""
    return _copy(value, [_MOST_PARTS])


def _copy(value: Any, left: list[int]) -> Any:
    left[0] -= 1
    kind = type(value)
    if kind in _VALUES or home_of(kind).partition(".")[0] in _IMMUTABLE:
        return (kind, value)
    if is_a(value, Enum):
        return (Enum, id(value))  # its class keeps it, and may compare it in its own way
    if (fields := _frozen_fields(value)) is not None:
        copies = [_copy(each, left) for each in fields]
        return MISSING if any(each is MISSING for each in copies) else (tuple, ((type, kind), *copies))
    if kind not in (*_FIXED, *OPEN) or left[0] < len(value):
        return MISSING
    parts = [part for pair in value.items() for part in pair] if issubclass(kind, dict) else list(value)
    copies = [_copy(each, left) for each in parts]
    if any(each is MISSING for each in copies):
        return MISSING
    return (kind, frozenset(copies) if kind in (set, frozenset) else tuple(copies))


def _frozen_fields(value: Any) -> list[Any] | None:
    """The values of a named tuple, or of a frozen dataclass that has nothing else; None for other objects."""
    own = type.__getattribute__(type(value), "__dict__")
    if is_a(value, tuple) and type(own.get("_fields")) is tuple:
        return list(tuple.__iter__(value))
    if not getattr(own.get("__dataclass_params__"), "frozen", False):
        return None
    state = state_of(value)
    if state is None or state.keys() - own["__dataclass_fields__"].keys():
        return None
    return [part for pair in sorted(state.items()) for part in pair]


def is_immutable(copy: Any) -> bool:
    """Whether what `copy_of` has copied can't change."""
    kind, parts = copy
    return kind not in OPEN and (kind not in _FIXED or all(map(is_immutable, parts)))


def same_value(one: Any, other: Any) -> bool:
    """Return whether the two are indistinguishable."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if is_a(one, (tuple, frozenset)) and type(one) in (tuple, frozenset):
        return (
            len(one) == len(other)
            and all(type(each) in _VALUES for each in (*one, *other))
            and one == other
            and repr(one) == repr(other)
        )
    return type(one) in _VALUES and bool(one == other) and repr(one) == repr(other)


def same_calls(one: Any, other: Any) -> bool:
    """Whether two functions that come from the same text do the same."""
    if not (is_a(one, FunctionType) and is_a(other, FunctionType)):
        return False
    plain = not (one.__kwdefaults__ or other.__kwdefaults__ or other.__closure__)
    return plain and same_value(one.__defaults__, other.__defaults__)
