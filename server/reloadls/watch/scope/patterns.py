"""Whether gitignore patterns match one entry of a folder.

They are matched entry by entry on the way down the tree, as git does, so an ignored folder is never entered. The last
matching pattern decides, as in git. Patterns match bytes: in patterns and names that are not ASCII, each character
represents one byte. https://git-scm.com/docs/gitignore, dir.c
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from reloadls.watch.scope.brackets import bracket_expression
from reloadls.watch.scope.wildcards import ANYTHING, FOLDERS, LONGEST_PATTERN, STAR, expression

__all__ = ["Patterns", "check_pattern"]

_MEMO_LIMIT = 50_000
_AT_ONCE = 256
"""How many patterns are joined into one regular expression."""
_SPECIAL = re.compile(r"[*?\[\\]")


def check_pattern(line: str) -> str | None:
    """Return why `line` is not a gitignore pattern; None if it is one."""
    if "\0" in line:
        return "holds a NUL character"
    if len(line) > LONGEST_PATTERN:
        return f"is longer than {LONGEST_PATTERN} characters"
    if line == "!":
        return "holds nothing after the '!'"
    rule = _rule(line)
    if rule is not None and _SPECIAL.search(rule.text) and _tokens(rule) is None:
        return "has a bracket or a backslash without an end"
    return None


@dataclass(frozen=True, slots=True)
class _Rule:
    """One pattern.

    Attributes:
        text: the pattern without what the other attributes say.
        excludes: False for a ``!`` pattern.
        by_name: whether it matches the last name alone.
        folders_only: whether it ended in ``/``.
    """

    text: str
    excludes: bool
    by_name: bool
    folders_only: bool


class Patterns:
    """Lines of gitignore patterns, relative to one folder.

    Invalid lines are ignored, as in git; `check_pattern` says why they are invalid.
    """

    __slots__ = ("_by_name", "_groups", "_lines", "_memo", "refused")

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines = tuple(lines)
        rules = [rule for line in lines if (rule := _rule(line)) is not None]
        self._by_name = all(rule.by_name for rule in rules)
        self._groups = [
            _Group(excludes, by_name, tuple(group))
            for (excludes, by_name), group in groupby(reversed(rules), lambda rule: (rule.excludes, rule.by_name))
        ]
        self._memo: dict[str, bool | None] = {}
        self.refused = tuple(
            number for number, line in enumerate(lines, 1) if len(line) > LONGEST_PATTERN and not line.startswith("#")
        )
        """Numbers of the lines that are too long, from 1."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The patterns as they were given."""
        return self._lines

    @property
    def by_name(self) -> bool:
        """Whether all patterns match the last name alone."""
        return self._by_name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Patterns) and self._lines == other._lines

    def __hash__(self) -> int:
        return hash(self._lines)

    def __bool__(self) -> bool:
        return bool(self._groups)

    def verdict(self, path: str, name: str, is_folder: bool) -> bool | None:
        """Return True if the entry matches, False if a ``!`` pattern re-includes it, None if no pattern applies.

        Args:
            path: the entry relative to the patterns' folder, with ``/`` between names.
            name: its last name.
            is_folder: whether it is a folder (not a link to one).
        """
        if not self._groups:
            return None
        if not self._by_name:
            return self._decide(path, name, is_folder)
        subject = name + "/" if is_folder else name
        try:
            return self._memo[subject]
        except KeyError:
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            return self._memo.setdefault(subject, self._decide(name, name, is_folder))

    def _decide(self, path: str, name: str, is_folder: bool) -> bool | None:
        if not path.isascii():
            path, name = _as_bytes(path), _as_bytes(name)
        for group in self._groups:
            if group.matches(name if group.by_name else path, is_folder):
                return group.excludes
        return None


class _Group:
    """Adjacent patterns with the same effect: literal ones use a lookup, others regular expressions."""

    __slots__ = ("_all", "_folders", "by_name", "excludes")

    def __init__(self, excludes: bool, by_name: bool, rules: tuple[_Rule, ...]) -> None:
        self.excludes = excludes
        self.by_name = by_name
        self._all = _Texts(rule for rule in rules if not rule.folders_only)
        self._folders = _Texts(rule for rule in rules if rule.folders_only)

    def matches(self, text: str, is_folder: bool) -> bool:
        return self._all.match(text) or (is_folder and self._folders.match(text))


class _Texts:
    __slots__ = ("_compiled", "_exact", "_extensions", "_wild")

    def __init__(self, rules: Iterable[_Rule]) -> None:
        self._exact: set[str] = set()
        self._extensions: set[str] = set()
        self._wild: list[_Rule] = []
        self._compiled: list[re.Pattern[str]] | None = None
        for rule in rules:
            if not _SPECIAL.search(rule.text):
                self._exact.add(rule.text)
            elif rule.by_name and rule.text.startswith("*.") and not re.search(r"[*?\[\\.]", rule.text[2:]):
                self._extensions.add(rule.text[1:])
            else:
                self._wild.append(rule)

    def match(self, text: str) -> bool:
        if text in self._exact or (self._extensions and text[text.rfind(".") :] in self._extensions):
            return True
        if not self._wild:
            return False
        if self._compiled is None:
            self._compiled = _compiled(self._wild)
        return any(regex.fullmatch(text) for regex in self._compiled)


def _compiled(rules: Iterable[_Rule]) -> list[re.Pattern[str]]:
    texts = list(dict.fromkeys(expression(tokens) for rule in rules if (tokens := _tokens(rule)) is not None))
    return [
        re.compile("|".join(f"(?:{text})" for text in texts[at : at + _AT_ONCE]), re.DOTALL)
        for at in range(0, len(texts), _AT_ONCE)
    ]


def _rule(line: str) -> _Rule | None:
    """Return the pattern of a line; None for a comment or a line that can't match anything."""
    if line.startswith("#") or len(line) > LONGEST_PATTERN or "\0" in line:
        return None
    line = _trimmed(line.removesuffix("\n").removesuffix("\r"))
    text = line.removeprefix("!")
    folders_only = text.endswith("/")
    text = text.removesuffix("/")
    by_name = "/" not in text
    text = _as_bytes(text.removeprefix("/"))
    if not text or text[0] == "/" or text[-1] == "/" or "//" in text:
        return None
    return _Rule(text, not line.startswith("!"), by_name, folders_only)


def _trimmed(line: str) -> str:
    """Return `line` without trailing spaces, except one after a backslash."""
    kept = line.rstrip(" ")
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return line[: len(kept) + 1] if backslashes % 2 else kept


def _as_bytes(text: str) -> str:
    """Return `text` with one character for each of its bytes in a file name."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass").decode("latin-1")


def _tokens(rule: _Rule) -> list[str] | None:
    """Return the pattern as `wildcards.expression` takes it; None if it is invalid: git then matches nothing."""
    text, at, tokens = rule.text, 0, list[str]()
    special = _SPECIAL.search(text)
    begins = special.start() if special else 0
    while at < len(text):
        char = text[at]
        if char == "*":
            end = len(text) - len(text[at:].lstrip("*"))
            begins_name = at == begins or text[at - 1] == "/"  # git compares what is literal first, and starts here
            token, at = _stars(text, at, end, begins_name and not rule.by_name)
            tokens.append(token)
        elif char == "?":
            tokens.append("[^/]")
            at += 1
        elif char == "[":
            found = bracket_expression(text, at + 1)
            if found is None:
                return None
            tokens.append(found[0])
            at = found[1]
        elif char == "\\" and at + 1 == len(text):
            return None
        else:
            at += char == "\\"
            tokens.append(re.escape(text[at]))
            at += 1
    return tokens


def _stars(text: str, at: int, end: int, begins_name: bool) -> tuple[str, int]:
    """Return the token for the stars from `at` to `end`, and where it ends."""
    if end - at > 1 and begins_name:
        if end == len(text) or text.startswith("\\/", end):
            return ANYTHING, end
        if text[end] == "/":
            return FOLDERS, end + 1
    return STAR, end
