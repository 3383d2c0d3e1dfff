"""JSON data that is safe to send: bounded, and without text that a receiver would refuse."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["plain"]

_LONGEST: Final = 500
"""The longest text, in characters."""
_MOST: Final = 500
"""The most elements of a list or object."""


def plain(value: Any) -> Any:
    """Return the value with everything in it cut to bounds; lone surrogates become `?`, and null fields are left out.

    Raises:
        TypeError: something in it is not JSON data.
        ValueError: a number in it is not finite.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is not a number of JSON")
        return value
    if isinstance(value, Mapping):
        items = list(value.items())[:_MOST]
        return {_text(str(key)): plain(each) for key, each in items if each is not None}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value[:_MOST]]
    raise TypeError(f"{type(value).__name__} is not JSON data")


def _text(text: str) -> str:
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return short if short.isascii() else short.encode("utf-8", "replace").decode()
