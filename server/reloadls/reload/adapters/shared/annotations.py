"""Find the classes an annotation refers to, through generics, unions, and fields of models and dataclasses."""

from __future__ import annotations

import types
from collections.abc import Collection, Iterable
from functools import reduce
from operator import or_
from typing import Any, get_args, get_origin

from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.objects.lazy import own_annotations

__all__ = ["ReferenceFinder", "substitute"]


class ReferenceFinder:
    """Checks whether annotations refer to one of the classes, or to a subclass.

    Annotations that refer to none are remembered, so that many checks cost little more than one.

    Args:
        classes: the classes to look for.
    """

    def __init__(self, classes: Collection[type]) -> None:
        self._classes = classes
        self._without: dict[int, Any] = {}

    def __call__(self, annotation: Any) -> bool:
        """Return whether an annotation refers to one of the classes."""
        seen: dict[int, Any] = {}
        waiting = [annotation]
        while waiting:
            each = waiting.pop()
            if id(each) in seen or id(each) in self._without:
                continue
            seen[id(each)] = each
            if is_a(each, type) and any(base in self._classes for base in each.__mro__ if base is not object):
                return True
            waiting.extend(_parts(each))
        self._without.update(seen)
        return False


def _parts(annotation: Any) -> Iterable[Any]:
    yield from get_args(annotation)
    origin = get_origin(annotation)
    if origin is not None and origin is not annotation:
        yield origin
    value = getattr(annotation, "__value__", None)  # of a `type` statement
    if value is not None and not isinstance(annotation, type):
        yield value
    if isinstance(annotation, type):
        yield from _of_fields(annotation)


def _of_fields(cls: type) -> Iterable[Any]:
    own = vars(cls)
    fields = own.get("__pydantic_fields__")
    if isinstance(fields, dict):
        yield from (each.annotation for each in fields.values())
    elif "__dataclass_fields__" in own:
        yield from (each.type for each in own["__dataclass_fields__"].values() if not isinstance(each.type, str))
    elif hasattr(cls, "__total__") or hasattr(cls, "_fields"):  # a typed dictionary, a named tuple
        yield from (each for each in own_annotations(cls).values() if not isinstance(each, str))


def _origin(annotation: Any) -> Any:
    return get_origin(annotation)


def substitute(annotation: Any, double: type, kept: type) -> Any:
    """Return the annotation with `double` replaced by `kept`."""
    if annotation is double:
        return kept
    arguments = get_args(annotation)
    changed = tuple(substitute(each, double, kept) for each in arguments)
    if all(one is other for one, other in zip(arguments, changed, strict=True)):
        return annotation
    if isinstance(annotation, types.UnionType):
        return reduce(or_, changed)
    if isinstance(annotation, types.GenericAlias):
        return types.GenericAlias(_origin(annotation), changed)
    if hasattr(annotation, "copy_with"):
        return annotation.copy_with(changed)
    return annotation
