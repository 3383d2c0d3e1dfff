"""Parts as JSON, with the kinds of values that TOML and YAML have besides."""

from __future__ import annotations

import base64
import datetime
import math
from collections.abc import Callable
from typing import Any

from reloadls.config.source import Key, Part, Place, Text
from reloadls.config.values.candidate import NamedPart

__all__ = ["decode_parts", "encode_parts"]

_TAG = "$"
_MOMENTS: dict[str, Any] = {
    "datetime": datetime.datetime,
    "date": datetime.date,
    "time": datetime.time,
}


def encode_parts(parts: tuple[NamedPart, ...]) -> list[dict[str, Any]]:
    """Return parts as data for JSON.

    Raises:
        TypeError: a source holds a value that JSON, TOML and YAML don't have.
    """
    return [
        {
            "source": each.source,
            "path": each.path,
            "values": _encode(dict(each.part.values)),
            "places": [
                [_encode(list(key)), place.line, place.column, place.path, place.name]
                for key, place in each.part.places.items()
            ],
            "flat": each.part.flat,
            "knownOnly": each.part.known_only,
            "version": each.part.version,
            "cursor": each.part.cursor,
        }
        for each in parts
    ]


def decode_parts(data: list[dict[str, Any]]) -> tuple[NamedPart, ...]:
    """Return what `encode_parts` was given."""
    return tuple(
        NamedPart(
            each["source"],
            each["path"],
            Part(
                _decode(each["values"]),
                {_key(key): Place(line, column, path, name) for key, line, column, path, name in each["places"]},
                each["flat"],
                each["knownOnly"],
                each["version"],
                each["cursor"],
            ),
        )
        for each in data
    )


def _key(data: list[Any]) -> Key:
    return tuple(_decode(data))


def _encode(value: Any) -> Any:
    if isinstance(value, dict):
        if all(type(name) is str for name in value) and _TAG not in value:
            return {name: _encode(each) for name, each in value.items()}
        return {_TAG: "map", "v": [[_encode(name), _encode(each)] for name, each in value.items()]}
    if isinstance(value, list | tuple):
        return [_encode(each) for each in value]
    if value is None or (isinstance(value, bool | int | str) and not isinstance(value, Text)):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else _tagged(value)


def _tagged(value: Any) -> dict[str, Any]:
    name = type(value).__name__
    if isinstance(value, set | frozenset):
        return {_TAG: "set", "v": [_encode(each) for each in value]}
    if isinstance(value, bytes):
        return {_TAG: "bytes", "v": base64.b64encode(value).decode()}
    if isinstance(value, Text | float):
        return {_TAG: "text" if isinstance(value, Text) else "float", "v": str(value)}
    if type(value) is _MOMENTS.get(name):
        return {_TAG: name, "v": value.isoformat()}
    raise TypeError(f"a value of type {name} can't be shared in a group")


def _decode(data: Any) -> Any:
    if isinstance(data, list):
        return [_decode(each) for each in data]
    if not isinstance(data, dict):
        return data
    if _TAG not in data:
        return {name: _decode(each) for name, each in data.items()}
    return _MAKERS[data[_TAG]](data["v"])


_MAKERS: dict[str, Callable[[Any], Any]] = {
    "text": Text,
    "float": float,
    "bytes": base64.b64decode,
    "set": lambda items: {_decode(each) for each in items},
    "map": lambda items: {_decode(name): _decode(each) for name, each in items},
    **{name: kind.fromisoformat for name, kind in _MOMENTS.items()},
}
