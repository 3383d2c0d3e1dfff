"""Whether gitignore patterns match one entry of a folder.

pathspec translates the patterns; they are matched here entry by entry on the way down the tree, as git does it,
so that a folder that is left out is never entered. The rule is git's: the last pattern that matches decides.
https://git-scm.com/docs/gitignore
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from pathspec.patterns.gitignore.base import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from reloadls.watch.brackets import cut_brackets

__all__ = ["Patterns", "check_pattern"]

_MEMO_LIMIT = 50_000
_END_OR_FOLDER = "(?:(?P<ps_d>/)|$)"
_FOLDER = "(?P<ps_d>/)"


def check_pattern(line: str) -> str | None:
    """Why `line` is no gitignore pattern, or None if it is one."""
    if "\0" in line:
        return "holds a NUL character"
    try:
        _translate(line)
    except GitIgnorePatternError as error:
        return str(error)
    return None


class Patterns:
    """Lines of gitignore patterns, relative to one folder.

    A line that is no pattern is passed over, as git does; `check_pattern` says why.
    """

    __slots__ = ("_by_name", "_groups", "_lines", "_memo")

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines = tuple(lines)
        rules = [rule for line in lines if (rule := _rule(line)) is not None]
        self._by_name = all(by_name for by_name, _, _ in rules)
        self._groups: list[tuple[bool, bool, re.Pattern[str]]] = [
            (include, by_name, _one_of(regex for _, _, regex in group))
            for (by_name, include), group in groupby(reversed(rules), key=lambda rule: rule[:2])
        ]
        self._memo: dict[str, bool | None] = {}

    @property
    def lines(self) -> tuple[str, ...]:
        """The patterns as they were given."""
        return self._lines

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Patterns) and self._lines == other._lines

    def __hash__(self) -> int:
        return hash(self._lines)

    def __bool__(self) -> bool:
        return bool(self._groups)

    def verdict(self, path: str, name: str, is_folder: bool) -> bool | None:
        """True if the entry is matched, False if a ``!`` pattern takes it back, None if no pattern speaks of it.

        Args:
            path: the entry relative to the patterns' folder, with ``/`` between names.
            name: its last name.
            is_folder: whether it is a folder (not a link to one).
        """
        if not self._groups:
            return None
        subject = name + "/" if is_folder else name
        if not self._by_name:
            return self._decide(path + "/" if is_folder else path, subject)
        try:
            return self._memo[subject]
        except KeyError:
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            return self._memo.setdefault(subject, self._decide(subject, subject))

    def _decide(self, path: str, subject: str) -> bool | None:
        for include, by_name, regex in self._groups:
            if regex.search(subject if by_name else path):
                return include
        return None


def _rule(line: str) -> tuple[bool, bool, str] | None:
    """(matches by the last name alone, includes, regular expression) of a line, or None for a comment or no pattern."""
    try:
        regex, include = _translate(line)
    except GitIgnorePatternError:
        return None
    if regex is None or include is None:
        return None
    body = line.rstrip().removeprefix("!")
    return "/" not in body.rstrip("/") and not body.startswith("/"), include, _exact(regex)


def _translate(line: str) -> tuple[str | None, bool | None]:
    line = line.removesuffix("\n").removesuffix("\r")
    if line.startswith("#"):
        return None, None
    cut = cut_brackets(line)
    if cut is None:
        raise GitIgnorePatternError(f"{line!r} has a bracket without an end")
    text = cut[0][:-1] + "/*/" if cut[0].endswith("/**/") else cut[0]  # the folders below, not the folder itself
    regex, include = GitIgnoreSpecPattern.pattern_to_regex(text)
    if regex is not None:
        for place, expression in cut[1].items():
            regex = regex.replace(place, expression)
    return regex, include


def _exact(regex: str) -> str:
    """The expression made to match an entry itself, never what is below a matched folder, and names with newlines."""
    if _FOLDER in regex:
        return regex.replace(_END_OR_FOLDER, r"/?\Z").replace(_FOLDER, r"/\Z")
    return regex + "(?=.)" if regex.endswith("/") else regex  # `a/**` is what is below a, not a


def _one_of(regexes: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{regex})" for regex in regexes), re.DOTALL)
