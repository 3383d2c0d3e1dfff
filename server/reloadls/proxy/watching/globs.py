"""Compile the glob patterns of the Language Server Protocol to regular expressions.

`*` is any number of characters of one name, `?` one of them, `**` as a whole name any number of names, none included,
`{a,b}` either, `[a-z]` one of a range and `[!a-z]` one outside of it. Nothing is an escape. What is opened and never
closed is literal. The expressions can't backtrack without bound (`watch.scope.wildcards`).
https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/#pattern
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from reloadls.watch.scope.wildcards import ANYTHING, FOLDERS, LONGEST_PATTERN, STAR
from reloadls.watch.scope.wildcards import expression as of_tokens

__all__ = ["alternatives", "expression", "is_wild", "literal_folders"]

_ALTERNATIVES: Final = 256
"""The most patterns that braces expand to."""
_CHARACTERS: Final = 1 << 16
"""The most characters of those patterns together."""
_DEPTH: Final = 32
"""The deepest nesting of braces."""
_WILD = re.compile(r"[*?\[{]")
_NAME: Final = "[^/]"
_BELOW: Final = "(?:/.*)?"
"""The end of a pattern with `/**`, which matches the folder itself, too."""

_Piece = str | list["_Sequence"]
_Sequence = list[_Piece]
"""Text, and the choices of each pair of braces."""


def is_wild(text: str) -> bool:
    """Return whether `text` contains wildcards."""
    return _WILD.search(text) is not None


def literal_folders(pattern: str) -> tuple[str, str]:
    """Split a pattern into (leading literal names, rest), without the `/` between them.

    >>> literal_folders("/a/b/**/*.py")
    ('/a/b', '**/*.py')
    """
    names = pattern.split("/")
    wild = next((at for at, name in enumerate(names) if is_wild(name)), len(names))
    return "/".join(names[:wild]) or ("/" if pattern.startswith("/") and wild else ""), "/".join(names[wild:])


def alternatives(pattern: str) -> list[str]:
    """Expand the braces of a pattern; return it unchanged if that gives too many patterns.

    Args:
        pattern: the glob pattern.

    Raises:
        ValueError: it is too long, or its braces are nested too deep.
    """
    return _expanded(_parsed(pattern)) or [pattern]


def expression(pattern: str) -> str:
    """Return the regular expression of a pattern, for `re.fullmatch` with `re.DOTALL`.

    Args:
        pattern: the glob pattern.

    Raises:
        ValueError: it is too long, its braces are nested too deep, or they leave too many choices.
    """
    pieces = _parsed(pattern)
    choices = _expanded(pieces)
    if choices is None:
        return of_tokens(_tokens([piece if isinstance(piece, str) else _one_width(piece) for piece in pieces]))
    parts = [of_tokens(_tokens([choice])) for choice in choices]
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"


# -- braces --------------------------------------------------------------------------------------------------


def _parsed(pattern: str) -> _Sequence:
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"it is longer than {LONGEST_PATTERN} characters")
    ends = _pairs(pattern)
    pieces: _Sequence = []
    stack: list[tuple[_Sequence, list[_Sequence], int]] = []
    at = 0
    while at < len(pattern):
        char, end = pattern[at], at + 1
        if char == "[":
            end = _class_end(pattern, at) or end
        if at in ends:
            stack.append((pieces, [], ends[at]))
            pieces = []
        elif stack and (at == stack[-1][2] or char == ","):
            outer, choices, close = stack[-1]
            choices.append(pieces)
            pieces = []
            if at == close:
                stack.pop()
                pieces = [*outer, choices]
        elif pieces and isinstance(pieces[-1], str):
            pieces[-1] += pattern[at:end]
        else:
            pieces.append(pattern[at:end])
        at = end
    return pieces


def _pairs(pattern: str) -> dict[int, int]:
    """Return the position of each opening brace → that of the closing one."""
    pairs: dict[int, int] = {}
    opened: list[int] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "{":
            opened.append(at)
        elif char == "}" and opened:
            pairs[opened.pop()] = at
        at = (_class_end(pattern, at) if char == "[" else None) or at + 1
    _refuse_deep(pairs)
    return pairs


def _refuse_deep(pairs: dict[int, int]) -> None:
    ends: list[int] = []
    for begin in sorted(pairs):
        while ends and ends[-1] < begin:
            ends.pop()
        ends.append(pairs[begin])
        if len(ends) > _DEPTH:
            raise ValueError(f"its braces are nested more than {_DEPTH} deep")


def _expanded(pieces: _Sequence) -> list[str] | None:
    """Return each text that the choices give; None if there are too many."""
    found = [""]
    for piece in pieces:
        if sum(map(len, found)) > _CHARACTERS:
            return None
        if isinstance(piece, str):
            found = [text + piece for text in found]
            continue
        ends = [_expanded(choice) for choice in piece]
        texts = list(dict.fromkeys(text for end in ends if end is not None for text in end))
        if None in ends or len(found) * len(texts) > _ALTERNATIVES:
            return None
        found = list(dict.fromkeys(text + end for text in found for end in texts))
    return found


class _OneWidth(str):
    """A regular expression of a fixed width that matches within one name."""

    __slots__ = ()


def _one_width(choices: list[_Sequence]) -> _OneWidth:
    """Return an expression for choices of equal width, which can't backtrack.

    Raises:
        ValueError: they are not.
    """
    expanded = [_expanded(choice) for choice in choices]
    texts = [text for end in expanded if end is not None for text in end]
    tokens = [_tokens([text]) for text in texts]
    wild = any(token in (STAR, FOLDERS, ANYTHING, _BELOW, "/") for found in tokens for token in found)
    if None in expanded or wild or len({len(found) for found in tokens}) != 1:
        raise ValueError(f"its braces leave more than {_ALTERNATIVES} choices")
    return _OneWidth(f"(?>{'|'.join(''.join(found) for found in tokens)})")


def _class_end(pattern: str, begin: int) -> int | None:
    """Return the end of the `[…]` that begins at `begin`; None if it does not end within the name."""
    at = begin + 1 + (pattern[begin + 1 : begin + 2] in ("!", "^"))
    end = pattern.find("]", at + 1)  # a `]` right at the beginning is one of the characters
    return None if end < 0 or "/" in pattern[begin:end] else end + 1


# -- wildcards -----------------------------------------------------------------------------------------------


def _tokens(parts: Iterable[str]) -> list[str]:
    """Return the tokens for `watch.scope.wildcards`, of a pattern whose braces are expanded or of one width."""
    tokens: list[str] = []
    for part in parts:
        if isinstance(part, _OneWidth):
            tokens.append(str(part))
            continue
        at = 0
        while at < len(part):
            token, at = _token(part, at, begins=(part[at - 1] == "/" if at else not tokens or tokens[-1] == "/"))
            tokens.append(token)
    return tokens


def _token(text: str, at: int, *, begins: bool) -> tuple[str, int]:
    """Return the token at `at` and its end; `begins`: whether a name begins there."""
    char = text[at]
    if begins and text.startswith("**", at):
        if len(text) == at + 2:
            return ANYTHING, at + 2
        if text[at + 2] == "/":
            return FOLDERS, at + 3
    if text[at:] == "/**":
        return _BELOW, len(text)
    if char == "[" and (end := _class_end(text, at)):
        return _class(text[at + 1 : end - 1]), end
    if char == "*":
        return STAR, len(text) - len(text[at:].lstrip("*"))
    return (_NAME if char == "?" else re.escape(char)), at + 1


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
