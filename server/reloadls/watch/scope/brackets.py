"""What a bracket expression of a gitignore pattern matches: ``[a-z]``, ``[!a]``, ``[[:alpha:]]``.

https://git-scm.com/docs/gitignore, wildmatch.c
"""

from __future__ import annotations

import re

__all__ = ["bracket_expression"]

_CLASSES = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "blank": " \t", "cntrl": "\x00-\x1f\x7f", "digit": "0-9", "graph": "!-~",
    "lower": "a-z", "print": " -~", "punct": r"!-/:-@\[-`{-~", "space": " \t\n\r", "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}  # fmt: skip
_ITEM = re.compile(r"\[:(?P<kind>[^]:]*):\]|(?P<first>\\.|[^\\])(?:-(?P<last>\\.|[^]\\]))?", re.DOTALL)
_NOTHING = "(?!)"


def bracket_expression(line: str, at: int) -> tuple[str, int] | None:
    """Parse a bracket expression.

    Args:
        line: the pattern.
        at: the position after the opening bracket.

    Returns:
        The regular expression and the position after the closing bracket; None if there is none.
    """
    negated = line[at : at + 1] in ("!", "^")
    start = at = at + negated
    items: list[str] = []
    while line[at : at + 1] != "]" or at == start:
        item = _ITEM.match(line, at)
        if item is None or (item["kind"] is not None and item["kind"] not in _CLASSES):
            return None
        at = item.end()
        items.append(_CLASSES[item["kind"]] if item["kind"] is not None else _range(item["first"], item["last"]))
    inner = "".join(items)
    if negated:
        return f"[^/{inner}]", at + 1
    return (f"(?!/)[{inner}]" if inner else _NOTHING), at + 1


def _range(first: str, last: str | None) -> str:
    """Return ``a`` or ``a-b`` for a character class; empty if the range is reversed."""
    begin = first[-1]
    end = begin if last is None else last[-1]
    return f"{re.escape(begin)}-{re.escape(end)}" if begin <= end else ""
