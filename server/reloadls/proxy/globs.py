"""What does a pattern match? The glob grammar of the Language Server Protocol, as regular expressions.

`*` is any number of characters of one name, `?` one of them, `**` as a whole name any number of names, none included,
`{a,b}` either, `[a-z]` one of a range and `[!a-z]` one outside of it. Nothing is an escape. What is opened and never
closed stands for itself.
https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/#pattern
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["alternatives", "expression", "is_wild", "literal_folders"]

_ALTERNATIVES: Final = 256
"""How many patterns one is taken apart into at most."""
_WILD = re.compile(r"[*?\[{]")
_NAME: Final = "[^/]"


def is_wild(text: str) -> bool:
    """Whether `text` may match anything but itself."""
    return _WILD.search(text) is not None


def literal_folders(pattern: str) -> tuple[str, str]:
    """(the leading names that stand for themselves, the rest), without the `/` between them.

    >>> literal_folders("/a/b/**/*.py")
    ('/a/b', '**/*.py')
    """
    names = pattern.split("/")
    wild = next((at for at, name in enumerate(names) if is_wild(name)), len(names))
    return "/".join(names[:wild]) or ("/" if pattern.startswith("/") and wild else ""), "/".join(names[wild:])


def alternatives(pattern: str) -> list[str]:
    """`pattern` once for each choice that its braces leave; as it is, if those would be too many."""
    found = [pattern]
    at = 0
    while at < len(found):
        group = _first_group(found[at])
        if group is None:
            at += 1
            continue
        begin, end, choices = group
        before, after = found[at][:begin], found[at][end:]
        found[at : at + 1] = [before + choice + after for choice in choices]
        if len(found) > _ALTERNATIVES:
            return [pattern]
    return list(dict.fromkeys(found))


def expression(pattern: str) -> str:
    """The regular expression, for `re.fullmatch` with `re.DOTALL`, that matches what `pattern` does."""
    return _Translation(pattern).all()


def _first_group(pattern: str) -> tuple[int, int, list[str]] | None:
    """Where the first pair of braces begins and ends, and what is between its outermost commas."""
    at = 0
    while at < len(pattern):
        if pattern[at] == "[":
            at = _class_end(pattern, at) or at + 1
        elif pattern[at] == "{" and (found := _choices(pattern, at)) is not None:
            return at, *found
        else:
            at += 1
    return None


def _choices(pattern: str, begin: int) -> tuple[int, list[str]] | None:
    choices, depth, start, at = [], 0, begin + 1, begin
    while at < len(pattern):
        char = pattern[at]
        if char == "[" and (end := _class_end(pattern, at)):
            at = end
            continue
        depth += (char == "{") - (char == "}")
        if (char == "," and depth == 1) or not depth:
            choices.append(pattern[start:at])
            start = at + 1
        if not depth:
            return at + 1, choices
        at += 1
    return None


def _class_end(pattern: str, begin: int) -> int | None:
    """The end of the `[…]` that begins there; None if it has none in its name."""
    at = begin + 1 + (pattern[begin + 1 : begin + 2] in ("!", "^"))
    end = pattern.find("]", at + 1)  # a `]` right at the beginning is one of the characters
    return None if end < 0 or "/" in pattern[begin:end] else end + 1


class _Translation:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def all(self) -> str:
        return "".join(self._parts(begins=True))

    def _parts(self, *, begins: bool) -> list[str]:
        """Translate to the end; `begins`: whether a name begins here."""
        parts: list[str] = []
        while self._at < len(self._pattern):
            piece, begins = self._next(begins=begins)
            parts.append(piece)
        return parts

    def _next(self, *, begins: bool) -> tuple[str, bool]:
        """Translate what comes next; (the expression, whether a name begins after it)."""
        pattern, at = self._pattern, self._at
        if begins and (several := self._several()) is not None:
            return several
        if pattern[at] == "[" and (end := _class_end(pattern, at)):
            self._at = end
            return _class(pattern[at + 1 : end - 1]), False
        if pattern[at] == "{" and (found := _choices(pattern, at)) is not None:
            self._at, choices = found
            inner = "|".join("".join(_Translation(choice)._parts(begins=begins)) for choice in choices)
            return f"(?:{inner})", all(choice.endswith("/") for choice in choices)
        if pattern[at:] == "/**":
            self._at = len(pattern)
            return "(?:/.*)?", False
        return self._one(pattern[at])

    def _one(self, char: str) -> tuple[str, bool]:
        self._at += 1
        if char == "*":
            while self._pattern[self._at : self._at + 1] == "*":
                self._at += 1
            return f"{_NAME}*", False
        return (_NAME if char == "?" else re.escape(char)), char == "/"

    def _several(self) -> tuple[str, bool] | None:
        """`**` as a whole name, with the `/` that goes when it stands for none."""
        pattern, at = self._pattern, self._at
        if not pattern.startswith("**", at):
            return None
        after = at + 2
        if after == len(pattern):
            self._at = after
            return ".*", False
        if pattern[after] != "/":
            return None
        self._at = after + 1
        return "(?:[^/]+/)*", True


def _class(inner: str) -> str:
    negated = inner[:1] in ("!", "^")
    inner = inner[negated:]
    items: list[str] = []
    at = 0
    while at < len(inner):
        first, last = inner[at], inner[at]
        if inner[at + 1 : at + 2] == "-" and at + 2 < len(inner):
            last = inner[at + 2]
            at += 2
        at += 1
        if first <= last:
            items.append(f"{re.escape(first)}-{re.escape(last)}")
    if negated:
        return f"[^/{''.join(items)}]"
    return f"(?!/)[{''.join(items)}]" if items else "(?!)"
