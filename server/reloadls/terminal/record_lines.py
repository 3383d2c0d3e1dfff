"""The output lines of `reloadls records`: for people, and for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reloadls.base.timestamps import utc_text
from reloadls.records import Layout, RecordEvent
from reloadls.records.fields import MISSING, field_at

from .text import json_line, shown

__all__ = ["RecordJsonLines", "RecordLines"]

_SYMBOLS: Final = {
    "snapshot": ("=", "\x1b[2m"),
    "added": ("+", "\x1b[32m"),
    "modified": ("~", "\x1b[33m"),
    "removed": ("-", "\x1b[31m"),
    "expired": ("x", "\x1b[35m"),
    "invalid": ("!", "\x1b[31m"),
    "reset": ("@", "\x1b[36m"),
    "bookmark": (".", "\x1b[2m"),
}
"""Type → its symbol and its colour."""
_DIM: Final = "\x1b[2m"
_RESET: Final = "\x1b[0m"
_LONGEST: Final = 60
_FIELDS: Final = 4
"""How many fields are shown of a record whose kind has no summary."""


@dataclass(frozen=True)
class RecordJsonLines:
    """Lines for programs: JSON objects.

    Attributes:
        clock: whether each line has the clock.
    """

    clock: bool

    def event(self, event: RecordEvent) -> str:
        """One event."""
        line: dict[str, object] = {
            "schema_version": "1",
            "event_type": event.event_type,
            "kind": event.kind,
            "id": event.id,
            "timestamp": utc_text(event.timestamp),
            "data": event.data,
        }
        if self.clock:
            line["clock"] = event.clock
        return json_line(line)


@dataclass(frozen=True)
class RecordLines:
    """Lines for people.

    Attributes:
        layout: names the fields to show.
        colour: whether escape sequences may be used.
        clock: whether each line has the clock.
    """

    layout: Layout
    colour: bool
    clock: bool

    def event(self, event: RecordEvent) -> str:
        """One event, with the local time."""
        at = event.timestamp
        time = f"{at.astimezone():%H:%M:%S}.{at.microsecond // 1000:03d}"
        symbol, colour = _SYMBOLS[event.event_type]
        what = f"{symbol} {event.event_type:8}"
        if self.colour:
            time, what = f"{_DIM}{time}{_RESET}", f"{colour}{what}{_RESET}"
        name = f"{shown(event.kind)}/{shown(event.id)}" if event.kind else ""
        parts = [time, what, name, self._details(event), event.clock if self.clock else ""]
        return "  ".join(filter(None, parts)) + "\n"

    def _details(self, event: RecordEvent) -> str:
        data = event.data
        if event.event_type == "invalid":
            place = f"line {data['line']}, column {data['column']}: " if data["line"] is not None else ""
            return place + shown(str(data["reason"]))
        if event.event_type == "reset":
            return "the clock is not known any more; all records follow"
        fields = self.layout.summary.get(event.kind) or _first_fields(data)
        values = [(field, field_at(data, field.split("."))) for field in fields]
        shown_values = [f"{shown(field)}={_short(value)}" for field, value in values if value is not MISSING]
        if data.get("expired") is True and event.event_type == "snapshot":
            shown_values.append("(expired)")
        return "  ".join(shown_values)


def _first_fields(data: Mapping[str, Any]) -> list[str]:
    plain = [name for name, value in data.items() if not isinstance(value, dict | list) and "." not in name]
    return [name for name in plain if name != "expired"][:_FIELDS]


def _short(value: object) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        text = ",".join(value)
    else:
        text = value if isinstance(value, str) else json.dumps(value)
    text = shown(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
