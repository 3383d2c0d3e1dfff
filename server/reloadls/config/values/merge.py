"""Parts become one tree, later ones winning key by key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reloadls.config.source import Key, Part, Place
from reloadls.config.values.keys import dotted

__all__ = ["Merged", "Origin", "merge"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from.

    Attributes:
        source: the name of the source.
        path: the file; None if it is not a file.
        line: counted from 1; None if unknown.
        column: counted from 1, in characters.
        name: how the source names it, if that differs from its key.
    """

    source: str
    path: str | None = None
    line: int | None = None
    column: int | None = None
    name: str | None = None

    def __str__(self) -> str:
        place = self.path or self.source
        return place if self.line is None else f"{place}:{self.line}:{self.column}"


@dataclass(slots=True)
class Merged:
    """All parts together.

    Attributes:
        values: the values, nested.
        origins: where each value and table comes from.
    """

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Key, Origin] = field(default_factory=dict)

    def origin(self, key: Key) -> Origin | None:
        """Return where `key` comes from, or the innermost that contains it."""
        for length in range(len(key), 0, -1):
            if (found := self.origins.get(key[:length])) is not None:
                return found
        return None


def merge(parts: Iterable[tuple[str, str | None, Part]]) -> Merged:
    """Merge parts; a mapping is merged with a mapping, everything else replaces what was before.

    Args:
        parts: the source's name, its file, and its part; the weakest first.
    """
    merged = Merged()
    for name, path, part in parts:
        _Step(merged, name, path, part).into(merged.values, part.values, ())
    return merged


class _Step:
    def __init__(self, merged: Merged, name: str, path: str | None, part: Part) -> None:
        self._origins = merged.origins
        self._name, self._path, self._places = name, path, part.places

    def into(self, target: dict[Any, Any], values: Mapping[Any, Any], key: Key) -> None:
        for name, value in values.items():
            inner = (*key, name)
            if not isinstance(value, Mapping):
                self._replace(target, name, inner)
                target[name] = self._copied(value, inner)
                continue
            if not isinstance(target.get(name), dict):
                self._replace(target, name, inner)
                target[name] = {}
                self._note(inner)
            elif inner in self._places:
                self._note(inner)
            self.into(target[name], value, inner)

    def _replace(self, target: dict[Any, Any], name: Any, key: Key) -> None:
        """Forget the origins of what is replaced."""
        if isinstance(target.get(name), dict | list):
            for old in [old for old in self._origins if old[: len(key)] == key]:
                del self._origins[old]

    def _copied(self, value: Any, key: Key) -> Any:
        self._note(key)
        if isinstance(value, list | tuple):
            return [self._copied(each, (*key, index)) for index, each in enumerate(value)]
        if isinstance(value, Mapping):
            return {name: self._copied(each, (*key, name)) for name, each in value.items()}
        return value

    def _note(self, key: Key) -> None:
        place = self._places.get(key)
        if place is None:
            outer = next((self._places[key[:n]] for n in range(len(key) - 1, 0, -1) if key[:n] in self._places), None)
            place = Place() if outer is None else outer
        self._origins[key] = Origin(self._name, place.path or self._path, place.line, place.column, place.name)


def named(key: Key) -> str:
    """Return the name of the variable that stands for a key outside: ``DB__URL``."""
    return dotted(key).replace(".", "__").upper()
