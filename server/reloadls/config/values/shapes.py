"""What a model looks like from outside: the names it has at each key, and which of its values are secret."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from reloadls.config.source import Key
from reloadls.config.values.secrets import is_secret_name

__all__ = ["Shape"]

_SECRET_TYPES = {"Secret", "SecretStr", "SecretBytes"}
_CONTAINERS = (list, tuple, set, frozenset, dict)


class Shape:
    """The types that a value may have, as its annotation says; none if unknown.

    Args:
        kinds: the types.
    """

    def __init__(self, kinds: tuple[Any, ...]) -> None:
        self._kinds = kinds

    @classmethod
    def of(cls, annotation: Any) -> Shape:
        """Return the shape of an annotation."""
        return cls(tuple(_alternatives(annotation)))

    @property
    def names(self) -> dict[str, Any]:
        """The names that a mapping here may have, aliases included, each with its annotation."""
        found: dict[str, Any] = {}
        for kind in self._kinds:
            found.update(_fields(kind))
        return found

    @property
    def is_container(self) -> bool:
        """Whether a value here is never text: a list, a mapping or an object."""
        kinds = [kind for kind in self._kinds if kind is not type(None)]
        return bool(kinds) and all(_is_container(kind) for kind in kinds)

    @property
    def is_secret(self) -> bool:
        """Whether the value is of a type that hides it."""
        return any(_name_of(kind) in _SECRET_TYPES for kind in self._kinds)

    def inside(self, step: Any) -> Shape:
        """Return the shape of what is at a name or an index."""
        found: list[Any] = []
        for kind in self._kinds:
            fields = _fields(kind)
            if step in fields:
                found.extend(_alternatives(fields[step]))
            elif typing.get_origin(kind) is not None and not fields:
                arguments = typing.get_args(kind)
                is_mapping = isinstance(typing.get_origin(kind), type) and issubclass(typing.get_origin(kind), Mapping)
                if is_mapping and len(arguments) == 2:
                    found.extend(_alternatives(arguments[1]))
                elif arguments and not is_mapping:
                    found.extend(_alternatives(arguments[0]))
        return Shape(tuple(found))

    def at(self, key: Key) -> Shape:
        """Return the shape at a key."""
        shape = self
        for step in key:
            shape = shape.inside(step)
        return shape

    def hides(self, key: Key) -> bool:
        """Return whether the value at `key` must not be shown, by its type or by a name on the way."""
        shape = self
        for step in key:
            shape = shape.inside(step)
            if is_secret_name(step) or shape.is_secret:
                return True
        return False


def _alternatives(annotation: Any) -> Iterator[Any]:
    origin = typing.get_origin(annotation)
    if hasattr(annotation, "__value__") and type(annotation).__name__ == "TypeAliasType":
        yield from _alternatives(annotation.__value__)
    elif origin is typing.Annotated:
        yield from _alternatives(typing.get_args(annotation)[0])
    elif origin is typing.Union or origin is types.UnionType:
        for each in typing.get_args(annotation):
            yield from _alternatives(each)
    elif origin is typing.Final or origin is typing.ClassVar:
        yield from _alternatives(typing.get_args(annotation)[0])
    else:
        yield annotation


def _name_of(kind: Any) -> str:
    return getattr(typing.get_origin(kind) or kind, "__name__", "")


def _is_container(kind: Any) -> bool:
    origin = typing.get_origin(kind) or kind
    return (isinstance(origin, type) and issubclass(origin, (*_CONTAINERS, Mapping))) or bool(_fields(kind))


def _fields(kind: Any) -> dict[str, Any]:
    """Return the names that a model class takes, each with its annotation."""
    kind = typing.get_origin(kind) or kind
    if not isinstance(kind, type):
        return {}
    pydantic = getattr(kind, "model_fields", None)
    if isinstance(pydantic, dict) and hasattr(kind, "__pydantic_validator__"):
        return _pydantic_fields(kind, pydantic)
    if dataclasses.is_dataclass(kind) or hasattr(kind, "__attrs_attrs__"):
        return _plain_fields(kind)
    return {}


def _pydantic_fields(kind: Any, fields: dict[str, Any]) -> dict[str, Any]:
    found = {}
    by_name = kind.model_config.get("populate_by_name") or kind.model_config.get("validate_by_name")
    for name, field in fields.items():
        aliases = [field.validation_alias]
        aliases = getattr(aliases[0], "choices", aliases)
        texts = [alias for alias in aliases if isinstance(alias, str)]
        for each in texts if aliases[0] is not None and not by_name else [*texts, name]:
            found[each] = field.annotation
    return found


def _plain_fields(kind: Any) -> dict[str, Any]:
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except Exception:  # a name that only a type checker knows
        hints = dict(getattr(kind, "__annotations__", {}))
    if hasattr(kind, "__attrs_attrs__"):
        return {field.name: hints.get(field.name, field.type) for field in kind.__attrs_attrs__ if field.init}
    return {field.name: hints.get(field.name, field.type) for field in dataclasses.fields(kind) if field.init}
