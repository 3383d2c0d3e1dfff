"""Parse JSON leniently, as real clients need it, and write it compactly.

orjson is used if it is installed (`reloadls[speed]`). Input that orjson rejects goes to the standard library:
JavaScript clients may send lone surrogates, as escapes, in otherwise valid messages.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

try:
    import orjson
except ImportError:  # the `speed` extra is not installed
    orjson = None  # type: ignore[assignment]  # a module or None, decided once here

__all__ = ["dumps", "loads"]


def loads(body: bytes) -> Any:
    """Parse UTF-8 JSON text.

    Raises:
        ValueError: the text is not JSON, or nested too deeply. The message says where and why.
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
    """Return plain data as compact UTF-8 JSON text.

    Raises:
        TypeError: a value has no JSON form.
        ValueError: NaN, an infinity, or a circular or too deeply nested value.
    """
    if orjson is not None:
        try:
            return orjson.dumps(value)
        except orjson.JSONEncodeError:
            pass
    try:
        # ASCII escapes: lone surrogates, which UTF-8 rejects, are sent as they were received.
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
    except RecursionError:
        raise ValueError("the value is nested too deeply") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
