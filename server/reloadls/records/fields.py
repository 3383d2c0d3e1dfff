"""Look up fields of a record, and read times from them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

__all__ = ["MISSING", "field_at", "instant"]

_FIRST: Final = datetime(1, 1, 2, tzinfo=UTC).timestamp()
_LAST: Final = datetime(9999, 12, 30, tzinfo=UTC).timestamp()


class _Missing:
    """The value of a field that a record does not have."""

    __slots__ = ()


MISSING: Final = _Missing()


def field_at(data: Any, path: Sequence[str]) -> Any:
    """Return the value at `path`; `MISSING` if there is none. A number is an index where the value is an array."""
    value = data
    for step in path:
        if isinstance(value, dict):
            value = value.get(step, MISSING)
        elif isinstance(value, list) and step.isdecimal() and len(step) < 8:
            value = value[int(step)] if int(step) < len(value) else MISSING
        else:
            return MISSING
    return value


def instant(value: object) -> float | None:
    """Return the time that a value stands for, in seconds since the epoch.

    Args:
        value: ISO 8601 text with a time zone, or seconds since the epoch, within the years 1 to 9999. Anything else
            is None.
    """
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
            return None if at.tzinfo is None else _in_range(at.timestamp())
        except (ValueError, OverflowError):
            return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return _in_range(float(value)) if math.isfinite(value) else None
        except OverflowError:
            return None
    return None


def _in_range(at: float) -> float | None:
    return at if _FIRST <= at <= _LAST else None
