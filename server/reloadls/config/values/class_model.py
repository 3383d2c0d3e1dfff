"""Validation of dataclasses and attrs classes by cattrs, strictly: no key too many, no value of another type."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

from cattrs import Converter
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError
from cattrs.gen import make_dict_structure_fn

from reloadls.config.source import Key, Text
from reloadls.config.values.faults import Fault, Invalid
from reloadls.config.values.models import plain
from reloadls.config.values.shapes import Shape

__all__ = ["ClassModel"]

_TRUE, _FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}


class ClassModel:
    """A dataclass or an attrs class. See `Model`."""

    def __init__(self, settings: Any) -> None:
        self.name = settings.__qualname__
        self.shape = Shape.of(settings)
        self._settings = settings
        self._converter = _converter()

    def load(self, values: Mapping[str, Any]) -> Any:
        """See `Model.load`."""
        try:
            return self._converter.structure(_ready(values), self._settings)
        except Exception as error:
            faults = list(_faults(error, ()))
        raise Invalid(faults)


class _WrongType(ValueError):
    def __init__(self, allowed: str) -> None:
        super().__init__(f"must be {allowed}")
        self.allowed = allowed


class _Items(ValueError):
    def __init__(self, wrong: Sequence[tuple[Any, Exception]]) -> None:
        super().__init__("some items")
        self.wrong = wrong


def _ready(values: Any) -> Any:
    """A deep copy, so that the object shares nothing with the sources; text from variables stays what it is."""
    if isinstance(values, Mapping):
        return {name: _ready(value) for name, value in values.items()}
    return [_ready(value) for value in values] if isinstance(values, list) else values


def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True, detailed_validation=True)
    for kind, hook in ((bool, _bool), (int, _int), (float, _float), (str, _str), (bytes, _bytes)):
        converter.register_structure_hook(kind, hook)
    converter.register_structure_hook_func(_is_moment, _moment)
    converter.register_structure_hook_func(
        lambda kind: _origin(kind) in _SEQUENCES, lambda value, kind: _sequence(converter, value, kind)
    )
    converter.register_structure_hook_func(
        lambda kind: _origin(kind) in (dict, Mapping), lambda value, kind: _mapping(converter, value, kind)
    )
    converter.register_structure_hook_func(
        lambda kind: _origin(kind) in (Union, UnionType), lambda value, kind: _union(converter, value, kind)
    )
    converter.register_structure_hook_factory(_is_class, lambda kind: _class_hook(converter, kind))
    return converter


def _origin(kind: Any) -> Any:
    return get_origin(kind) or kind


_SEQUENCES: tuple[Any, ...] = (list, tuple, set, frozenset)


def _is_class(kind: Any) -> bool:
    kind = _origin(kind)
    return isinstance(kind, type) and (dataclasses.is_dataclass(kind) or hasattr(kind, "__attrs_attrs__"))


def _class_hook(converter: Converter, kind: Any) -> Any:
    make = make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True, _cattrs_detailed_validation=True)

    def structure(value: Any, kind: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _WrongType("a table")
        return make(value, kind)

    return structure


def _sequence(converter: Converter, value: Any, kind: Any) -> Any:
    if not isinstance(value, list):
        raise _WrongType("a list")
    origin, arguments = _origin(kind), get_args(kind)
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        if len(value) != len(arguments):
            raise _WrongType(f"a list of {len(arguments)} values")
        kinds = arguments
    else:
        kinds = (arguments[0] if arguments else Any,) * len(value)
    made, wrong = _each(converter, enumerate(value), kinds)
    if wrong:
        raise _Items(wrong)
    return origin(made.values())


def _mapping(converter: Converter, value: Any, kind: Any) -> Any:
    if not isinstance(value, Mapping):
        raise _WrongType("a table")
    arguments = get_args(kind)
    made, wrong = _each(converter, value.items(), ((arguments[1] if arguments else Any),) * len(value))
    if wrong:
        raise _Items(wrong)
    return made


def _each(converter: Converter, items: Iterable[tuple[Any, Any]], kinds: Sequence[Any]) -> tuple[dict[Any, Any], Any]:
    made, wrong = {}, []
    for (step, each), kind in zip(items, kinds, strict=True):
        try:
            made[step] = plain(each) if kind is Any else converter.structure(each, kind)
        except Exception as error:
            wrong.append((step, error))
    return made, wrong


def _union(converter: Converter, value: Any, kind: Any) -> Any:
    alternatives = [each for each in get_args(kind) if each is not type(None)]
    if len(alternatives) < len(get_args(kind)) and (value is None or (isinstance(value, Text) and value == "")):
        return None
    alternatives.sort(key=lambda each: type(value) is not each)  # the value's own type first
    first: Exception | None = None
    for each in alternatives:
        try:
            return converter.structure(value, each)
        except Exception as error:
            first = first or error
    if first is not None and len(alternatives) == 1:
        raise first
    raise _WrongType(" or ".join(getattr(each, "__name__", str(each)) for each in alternatives))


def _bool(value: Any, _: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, Text) and value.strip().lower() in _TRUE | _FALSE:
        return value.strip().lower() in _TRUE
    raise _WrongType("true or false")


def _int(value: Any, _: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, Text):
        try:
            return int(value)
        except ValueError:
            pass
    raise _WrongType("a whole number")


def _float(value: Any, _: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, Text):
        try:
            return float(value)
        except ValueError:
            pass
    raise _WrongType("a number")


def _str(value: Any, _: Any) -> str:
    if isinstance(value, str):
        return str(value)
    raise _WrongType("text")


def _bytes(value: Any, _: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    raise _WrongType("bytes")


def _is_moment(kind: Any) -> bool:
    return kind in (datetime.date, datetime.time, datetime.datetime)


def _moment(value: Any, kind: Any) -> Any:
    if type(value) is kind:
        return value
    if isinstance(value, str):
        try:
            return kind.fromisoformat(value)
        except ValueError:
            pass
    raise _WrongType(f"a {kind.__name__} in ISO 8601")


def _faults(error: BaseException, key: Key) -> Iterator[Fault]:
    if isinstance(error, ClassValidationError | IterableValidationError):
        for each in error.exceptions:
            yield from _faults(each, (*key, *_step(each)))
    elif isinstance(error, _Items):
        for step, each in error.wrong:
            yield from _faults(each, (*key, step))
    elif isinstance(error, ForbiddenExtraKeysError):
        for name in sorted(error.extra_fields):
            yield Fault((*key, name), "unknown key: the model has none of that name", code="unknown")
    elif isinstance(error, KeyError) and error.args:
        inner = key if key and key[-1] == error.args[0] else (*key, error.args[0])
        yield Fault(inner, "missing: no source has it", code="missing")
    elif isinstance(error, _WrongType):
        yield Fault(key, str(error), allowed=error.allowed)
    else:
        yield Fault(key, f"{type(error).__name__}: {error}", foreign=True)


def _step(error: BaseException) -> tuple[Any, ...]:
    """The name or index that cattrs has noted at an exception."""
    for note in getattr(error, "__notes__", ()):
        for attribute in ("name", "index"):
            if hasattr(note, attribute):
                return (getattr(note, attribute),)
    return ()
