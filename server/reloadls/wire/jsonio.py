"""JSON text and Python values, read leniently where real clients need it, and written compactly.

orjson does the work where it is installed (`reloadls[speed]`). What it refuses, the standard library is
asked for: JavaScript clients may send lone surrogates, as escapes, inside otherwise good messages.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

try:
    import orjson
except ImportError:  # the `speed` extra is not installed
    orjson = None  # type: ignore[assignment]  # a module or None, decided once here

__all__ = ["dumps", "loads", "show"]


def loads(body: bytes) -> Any:
    """Return the value that a UTF-8 JSON text stands for.

    Raises:
        ValueError: it is no JSON text, or nested too deeply. The message says where and why.
    """
    if orjson is not None:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def dumps(value: Any) -> bytes:
    """Return the compact UTF-8 JSON text of plain data.

    Raises:
        TypeError: a value that JSON has no form for.
        ValueError: NaN, an infinity, a circular or too deeply nested value.
    """
    if orjson is not None:
        try:
            return orjson.dumps(value)
        except orjson.JSONEncodeError:
            pass
    try:
        # ASCII escapes, so that lone surrogates (refused by UTF-8) can be sent as they were received.
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
    except RecursionError:
        raise ValueError("the value is nested too deeply") from None


def show(value: object, limit: int = 60) -> str:
    """Return a value as its sender wrote it (JSON), cut to `limit` characters, for use in a message."""
    try:
        text = _start(value, limit)
    except (TypeError, ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    # A message must be sendable itself, whatever it quotes.
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _start(value: object, limit: int) -> str:
    """Return the first characters of a value as JSON, some more than `limit`, without encoding all of it."""
    if isinstance(value, str):
        return json.dumps(value[: limit + 1], ensure_ascii=False)
    text = ""
    for piece in _ENCODER.iterencode(value):
        text += piece[: limit + 1]
        if len(text) > limit:
            break
    return text


_ENCODER = json.JSONEncoder(ensure_ascii=False)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
