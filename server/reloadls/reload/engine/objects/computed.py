"""Values that instances keep of attributes which were computed once (`functools.cached_property`)."""

from __future__ import annotations

import gc
from functools import cached_property
from typing import Any

from reloadls.reload.engine.analysis.codes import same_but_lines
from reloadls.reload.engine.undo import MISSING, Undo

from .changes import attributes_of
from .containers import is_a

__all__ = ["forget_attribute", "is_computed_anew"]


def is_computed_anew(before: Any, after: Any) -> bool:
    """Whether both compute an attribute once, and the second does it in another way."""
    if not (is_a(before, cached_property) and is_a(after, cached_property)):
        return False
    one, other = (getattr(each.func, "__code__", None) for each in (before, after))
    return one is None or other is None or not same_but_lines(one, other)


def forget_attribute(cls: type, name: str, undo: Undo) -> None:
    """Have an attribute computed anew in all instances that have computed it."""
    kinds = [cls]
    for kind in kinds:
        kinds += type.__subclasses__(kind)
    for each in gc.get_referrers(*kinds):
        if any(type(each) is kind for kind in kinds):
            values = attributes_of(each) or {}
            if name in values:
                undo.set_item(values, name, MISSING)
