"""Keys as text, and look-ups by key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reloadls.config.source import Key

__all__ = ["MISSING", "dotted", "leaves", "look_up", "parse_key", "same"]

MISSING: Any = object()
"""No value."""


def dotted(key: Key) -> str:
    """Return a key as text: ``db.hosts.0``."""
    return ".".join(map(str, key))


def parse_key(text: str, values: Any) -> Key:
    """Return the key that `text` names in `values`: indexes of lists become numbers."""
    key: Key = ()
    for step in text.split("."):
        if isinstance(values, list) and step.isdigit():
            key, values = (*key, int(step)), look_up(values, (int(step),))
        else:
            name = next((each for each in values if str(each) == step), step) if isinstance(values, Mapping) else step
            key, values = (*key, name), look_up(values, (name,))
    return key


def look_up(values: Any, key: Key) -> Any:
    """Return the value at `key` in mappings and lists; `MISSING` if there is none."""
    for step in key:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            return MISSING
    return values


def leaves(values: Any, key: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Yield each value that is not a mapping with entries, with its key. Lists are values."""
    if isinstance(values, Mapping) and (values or not key):
        for name, value in values.items():
            yield from leaves(value, (*key, name))
    else:
        yield key, values


def same(one: Any, other: Any) -> bool:
    """Return whether two values of sources are equal, and of the same types: ``1`` is not ``True``."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) or (one != one and other != other)  # noqa: PLR0124 - not a number
