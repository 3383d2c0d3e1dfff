"""Whether a new value is indistinguishable from the old one, so that nothing depends on which it is."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from reloadls.reload.engine.objects.containers import is_a

__all__ = ["same_calls", "same_value"]

_VALUES = (bool, int, float, complex, str, bytes, type(None))


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
