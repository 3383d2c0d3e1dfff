"""Where a document breaks a rule that the parser does not report with a position."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Final

__all__ = ["MAX_DEPTH", "deepest", "first_constant", "first_duplicate", "place"]

MAX_DEPTH: Final = 100
"""How deeply arrays and objects may be nested."""
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|-?[A-Za-z]+|-?[0-9][^\s,\]}]*', re.DOTALL)


@dataclass(slots=True)
class _Open:
    """An array or object that is being read."""

    is_object: bool
    keys: set[str] = field(default_factory=set)
    wants_key: bool = True


def place(text: str, offset: int) -> tuple[int, int]:
    """Return the line and the column of an offset, both from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def deepest(text: str) -> int | None:
    """Return the offset where `text` is nested more deeply than allowed; None if it is nowhere."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return None
    depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] in ("{", "["):
            depth += 1
            if depth > MAX_DEPTH:
                return token.start()
        elif token[0] in ("}", "]"):
            depth -= 1
    return None


def first_duplicate(text: str) -> tuple[int, str] | None:
    """Return (offset, key as it is written) of the first key that its object already has; `text` is valid JSON."""
    stack: list[_Open] = []
    for token in _TOKEN.finditer(text):
        what = token[0]
        if what in ("{", "["):
            stack.append(_Open(what == "{"))
        elif what in ("}", "]"):
            stack.pop()
        elif stack and stack[-1].is_object:
            inner = stack[-1]
            if what[0] == '"' and inner.wants_key:
                key = _unescaped(what)
                if key in inner.keys:
                    return token.start(), what
                inner.keys.add(key)
            inner.wants_key = what == ","
    return None


def first_constant(text: str, names: frozenset[str]) -> int:
    """Return the offset of the first token in `names`; 0 if there is none."""
    return next((token.start() for token in _TOKEN.finditer(text) if token[0] in names), 0)


def _unescaped(quoted: str) -> str:
    return str(json.loads(quoted))
