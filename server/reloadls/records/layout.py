"""What a folder of records holds: its kinds, what to show of them, and when they end."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from reloadls.records.errors import LayoutError
from reloadls.records.keys import name_problem

__all__ = ["BUILT_IN", "Ending", "Extension", "Layout", "layout_from", "read_layout"]

_FIELDS: Final = ("kinds", "summary", "expires", "extended_by", "ended_by")
_FIELD: Final = re.compile(r"[^\s.=!<>~:]+(?:\.[^\s.=!<>~:]+)*")
_GLOB: Final = re.compile(r"[*?\[\]\\!#]")
_MAX_BYTES: Final = 1024 * 1024
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Ending:
    """Records of another kind that end records of this one.

    Attributes:
        kind: the other kind.
        field: the field of the other that holds the id of the one that it ends.
    """

    kind: str
    field: str


@dataclass(frozen=True, slots=True)
class Extension:
    """Records of another kind that extend records of this one.

    Attributes:
        kind: the other kind.
        field: the field of the other that holds the id of the one that it extends.
        until: the field of the other that holds the new end.
    """

    kind: str
    field: str
    until: str


@dataclass(frozen=True)
class Layout:
    """What a folder of records holds.

    Attributes:
        kinds: the folders that hold records, in the order of events; empty: every folder, sorted.
        summary: kind → the fields that a line for people shows.
        expires: kind → the field that holds the end of its records.
        extended_by: kind → what extends its records; the latest end applies.
        ended_by: kind → what ends its records.
    """

    kinds: tuple[str, ...] = ()
    summary: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NOTHING)
    expires: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    extended_by: Mapping[str, tuple[Extension, ...]] = field(default_factory=lambda: _NOTHING)
    ended_by: Mapping[str, tuple[Ending, ...]] = field(default_factory=lambda: _NOTHING)

    @cached_property
    def key(self) -> str:
        """A text that is equal for equal layouts, as far as events depend on it."""
        rules = [
            [kind, [[rule.kind, rule.field, rule.until] for rule in self.extended_by[kind]]]
            for kind in sorted(self.extended_by)
        ]
        ends = [[kind, [[rule.kind, rule.field] for rule in self.ended_by[kind]]] for kind in sorted(self.ended_by)]
        return json.dumps([self.kinds, sorted(self.expires.items()), rules, ends])

    @cached_property
    def _places(self) -> dict[str, int]:
        return {kind: place for place, kind in enumerate(self.kinds)}

    def order(self, kind: str) -> tuple[int, str]:
        """Return what sorts kinds."""
        return self._places.get(kind, len(self.kinds)), kind


def read_layout(name: str) -> Layout:
    """Return the built-in layout of that name, or the one in the TOML or JSON file of that name.

    Raises:
        LayoutError: there is neither, or the file can't be used.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    if os.sep not in name and not name.endswith((".toml", ".json")):
        raise LayoutError(f"there is no layout {name!r}; must be {', '.join(BUILT_IN)}, or a file .toml or .json")
    try:
        with open(name, "rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise LayoutError(f"the layout {name} can't be read: {error.strerror}") from None
    if len(raw) > _MAX_BYTES:
        raise LayoutError(f"the layout {name} is larger than 1 MiB")
    try:
        text = raw.decode("utf-8")
        value = json.loads(text) if name.endswith(".json") else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise LayoutError(f"the layout {name} can't be read: {error}") from None
    return layout_from(value, where=f"the layout {name}")


def layout_from(value: object, *, where: str = "layout") -> Layout:
    """Return the layout that plain data describes.

    Args:
        value: an object with the fields of `Layout`. A rule is a text or a list of texts:
            ``"heartbeats.reservation_id -> extended_expires_at"`` in ``extended_by``,
            ``"releases.reservation_id"`` in ``ended_by``.
        where: what messages begin with.

    Raises:
        LayoutError: a field is unknown or has a wrong value; the message names it.
    """
    if not isinstance(value, Mapping):
        raise LayoutError(f"{where} must be an object, not {_shown(value)}")
    for name in value:
        if name not in _FIELDS:
            raise LayoutError(f"{where}: {_shown(name)} is not a known field; must be one of {', '.join(_FIELDS)}")
    reader = _Reader(where, _kinds(value.get("kinds", ()), where))
    return Layout(
        kinds=reader.kinds,
        summary=reader.each(value, "summary", reader.fields),
        expires=reader.each(value, "expires", reader.field),
        extended_by=reader.each(value, "extended_by", reader.extensions),
        ended_by=reader.each(value, "ended_by", reader.endings),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the fields of a layout."""

    where: str
    kinds: tuple[str, ...]

    def each(self, value: Mapping[str, object], name: str, read: Any) -> Mapping[str, Any]:
        """Read a field that has a value for each of some kinds."""
        table = value.get(name, {})
        if not isinstance(table, Mapping):
            raise LayoutError(f"{self.where}: {name} must have a value for each kind, not be {_shown(table)}")
        read_values = {}
        for kind, item in table.items():
            self._check_kind(kind, name)
            read_values[kind] = read(f"{name}.{kind}", item)
        return MappingProxyType(read_values)

    def field(self, at: str, item: object) -> str:
        if not isinstance(item, str) or not _FIELD.fullmatch(item):
            raise LayoutError(
                f"{self.where}: {at} must be the name of a field, such as 'expires_at', not {_shown(item)}"
            )
        return item

    def fields(self, at: str, item: object) -> tuple[str, ...]:
        return tuple(self.field(at, each) for each in _listed(item))

    def extensions(self, at: str, item: object) -> tuple[Extension, ...]:
        return tuple(self._extension(at, each) for each in _listed(item))

    def endings(self, at: str, item: object) -> tuple[Ending, ...]:
        return tuple(Ending(*self._other(at, each, "'releases.reservation_id'")) for each in _listed(item))

    def _extension(self, at: str, item: object) -> Extension:
        example = "'heartbeats.reservation_id -> extended_expires_at'"
        text = item.replace("→", "->") if isinstance(item, str) else ""
        other, arrow, until = (part.strip() for part in text.partition("->"))
        if not arrow or not _FIELD.fullmatch(until):
            raise LayoutError(f"{self.where}: {at} must be such as {example}, not {_shown(item)}")
        return Extension(*self._other(at, other, example), until)

    def _other(self, at: str, item: object, example: str) -> tuple[str, str]:
        kind, dot, name = item.partition(".") if isinstance(item, str) else ("", "", "")
        if not dot or not _FIELD.fullmatch(name):
            raise LayoutError(f"{self.where}: {at} must be such as {example}, not {_shown(item)}")
        self._check_kind(kind, at)
        return kind, name

    def _check_kind(self, kind: object, at: str) -> None:
        if not isinstance(kind, str) or (self.kinds and kind not in self.kinds):
            raise LayoutError(
                f"{self.where}: {at} names {_shown(kind)}, which is not one of its kinds: {', '.join(self.kinds)}"
            )


def _kinds(value: object, where: str) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise LayoutError(f"{where}: kinds must be a list of folder names, not {_shown(value)}")
    for kind in value:
        reason = name_problem(kind, suffix="") if isinstance(kind, str) else "is not a text"
        if reason is None and _GLOB.search(kind):
            reason = "holds a character that patterns use"
        if reason is not None:
            raise LayoutError(f"{where}: kinds holds {_shown(kind)}, which {reason}; must be names of folders")
    if len(set(value)) != len(value):
        raise LayoutError(f"{where}: kinds names {_shown(next(kind for kind in value if value.count(kind) > 1))} twice")
    return tuple(value)


def _listed(item: object) -> tuple[object, ...]:
    return tuple(item) if isinstance(item, list | tuple) else (item,)


def _shown(value: object) -> str:
    return f"{value!r:.100}"


BUILT_IN: Final[Mapping[str, Layout]] = MappingProxyType(
    {
        "coordination": layout_from(
            {
                "kinds": ["reservations", "intents", "releases", "heartbeats", "tasks", "claims", "dependencies"],
                "summary": {
                    "reservations": ["run_id", "branch", "operation", "addresses", "expires_at"],
                    "intents": ["run_id", "branch", "operation", "addresses"],
                    "releases": ["reservation_id", "run_id", "reason"],
                    "heartbeats": ["reservation_id", "run_id", "extended_expires_at"],
                    "tasks": ["title", "status", "queue", "priority"],
                    "claims": ["task_id", "run_id", "expires_at"],
                    "dependencies": ["reservation_id", "depends_on"],
                },
                "expires": {"reservations": "expires_at", "claims": "expires_at"},
                "extended_by": {"reservations": "heartbeats.reservation_id -> extended_expires_at"},
                "ended_by": {"reservations": "releases.reservation_id"},
            }
        )
    }
)
"""Name → layout."""
