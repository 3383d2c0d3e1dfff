"""What a gitignore pattern's bracket expressions match, as git reads them: ``[a-z]``, ``[!a]``, ``[[:alpha:]]``.

pathspec leaves them to Python's `re`, which reads some otherwise, and refuses others (``[z-a]``).
https://git-scm.com/docs/gitignore, wildmatch.c
"""

from __future__ import annotations

import re

__all__ = ["cut_brackets"]

_FIRST_PLACE = 0xF0000
"""Private-use characters stand for the expressions, so that pathspec takes each for an ordinary one."""
_CLASSES = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "blank": " \t", "cntrl": "\x00-\x1f\x7f", "digit": "0-9", "graph": "!-~",
    "lower": "a-z", "print": " -~", "punct": r"!-/:-@\[-`{-~", "space": "\\s", "upper": "A-Z", "xdigit": "0-9A-Fa-f",
}  # fmt: skip
_ITEM = re.compile(r"\[:(?P<kind>[^]:]*):\]|(?P<first>\\.|[^\\])(?:-(?P<last>\\.|[^]\\]))?", re.DOTALL)
_NOTHING = "(?!)"


def cut_brackets(line: str) -> tuple[str, dict[str, str]] | None:
    """`line` with a placeholder for each expression, and placeholder → regular expression.

    None if an expression has no end: git then matches nothing.
    """
    found: dict[str, str] = {}
    parts: list[str] = []
    at = 0
    while at < len(line):
        if line[at] == "\\":
            parts.append(line[at : at + 2])
            at += 2
        elif line[at] == "[":
            expression = _expression(line, at + 1)
            if expression is None:
                return None
            place = chr(_FIRST_PLACE + len(found))
            found[place], at = expression
            parts.append(place)
        else:
            parts.append(line[at])
            at += 1
    return "".join(parts), found


def _expression(line: str, at: int) -> tuple[str, int] | None:
    """The regular expression of what begins at `at`, after its bracket, and where it ends; None if it does not."""
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
    """``a`` or ``a-b`` for a class; empty if it runs backwards."""
    begin = first[-1]
    end = begin if last is None else last[-1]
    return f"{re.escape(begin)}-{re.escape(end)}" if begin <= end else ""
