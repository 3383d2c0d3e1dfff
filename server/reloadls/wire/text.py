"""Quote values in error messages, as JSON. Standard library only, as everything that running programs import."""

from __future__ import annotations

import json

__all__ = ["show"]


def show(value: object, limit: int = 60) -> str:
    """Return a value as JSON, cut to `limit` characters, for use in an error message."""
    try:
        text = _start(value, limit)
    except (TypeError, ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    # The error message itself must be encodable, whatever it quotes.
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _start(value: object, limit: int) -> str:
    """Return the beginning of a value as JSON, slightly more than `limit`, without encoding all of it."""
    if isinstance(value, str):
        return json.dumps(value[: limit + 1], ensure_ascii=False)
    text = ""
    for piece in _ENCODER.iterencode(value):
        text += piece[: limit + 1]
        if len(text) > limit:
            break
    return text


_ENCODER = json.JSONEncoder(ensure_ascii=False)
