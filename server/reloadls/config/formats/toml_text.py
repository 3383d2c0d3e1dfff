"""TOML with the place of each value: tomllib parses, and a scanner of its keys finds where they stand."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from reloadls.config.errors import SourceFailed
from reloadls.config.formats.lines import Lines
from reloadls.config.source import Key, Part, Place

__all__ = ["parse_toml"]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:\\.|[^"\\\n])*"')
_LITERAL = re.compile(r"'[^'\n]*'")
_LONG_BASIC = re.compile(r'"""(?:\\.|[^\\])*?"""(?!")(?:"{0,2})', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''.*?'''(?!')(?:'{0,2})", re.DOTALL)
_OTHER = re.compile(r"[^,\]}\n#]*")
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_MOST_DEPTH = 200


def parse_toml(text: str) -> Part:
    """Return the document that `text` holds.

    Raises:
        SourceFailed: it is not TOML.
    """
    lines = Lines(text)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        failed = _failed(str(error), text, lines)
    except RecursionError:
        failed = SourceFailed(f"nested deeper than {_MOST_DEPTH} levels", line=1, column=1)
    except ValueError:  # too many digits for int()
        failed = SourceFailed("a number has too many digits", line=1, column=1)
    else:
        return Part(values, _Scanner(text, lines).places())
    raise failed


def _failed(message: str, text: str, lines: Lines) -> SourceFailed:
    match = _AT.search(message)
    end = lines.place(len(text.rstrip("\n")))
    if match is None or match[1] is None:
        return SourceFailed(_AT.sub("", message), line=end.line, column=end.column)
    return SourceFailed(_AT.sub("", message), line=int(match[1]), column=int(match[2]))


class _Scanner:
    """Walks over valid TOML, and notes where the value of each key begins; of a table, where its header is."""

    def __init__(self, text: str, lines: Lines) -> None:
        # tomllib reads CRLF as one newline; positions are those of the text as it was.
        self._text = text
        self._lines = lines
        self._places: dict[Key, Place] = {}
        self._counts: dict[Key, int] = {}

    def places(self) -> dict[Key, Place]:
        table: Key = ()
        at = self._blank(0)
        while at < len(self._text):
            if self._text.startswith("[[", at):
                table, at = self._header(at, 2)
                count = self._counts[table] = self._counts.get(table, -1) + 1
                table = (*table, count)
                self._places[table] = self._lines.place(at)
            elif self._text[at] == "[":
                table, at = self._header(at, 1)
            else:
                at = self._pair(at, table)
            at = self._blank(at)
        return self._places

    def _header(self, at: int, brackets: int) -> tuple[Key, int]:
        start = at
        names, at = self._names(self._space(at + brackets))
        table: Key = ()
        for index, name in enumerate(names):
            table = (*table, name)
            self._places.setdefault(table, self._lines.place(start))
            if index < len(names) - 1 and table in self._counts:
                table = (*table, self._counts[table])
        return table, self._space(at) + brackets

    def _pair(self, at: int, table: Key) -> int:
        start = at
        names, at = self._names(at)
        at = self._space(self._space(at) + 1)  # past the equals sign
        key: Key = (*table, *names)
        for length in range(len(table) + 1, len(key)):
            self._places.setdefault(key[:length], self._lines.place(start))
        self._places[key] = self._lines.place(at)
        return self._value(at, key)

    def _names(self, at: int) -> tuple[list[str], int]:
        names: list[str] = []
        while True:
            match = (_BASIC if self._text[at] == '"' else _LITERAL if self._text[at] == "'" else _BARE).match(
                self._text, at
            )
            if match is None:  # tomllib has read it otherwise; the rest has no places
                return names, len(self._text)
            names.append(_unquoted(match[0]))
            at = self._space(match.end())
            if self._text[at : at + 1] != ".":
                return names, at
            at = self._space(at + 1)

    def _value(self, at: int, key: Key) -> int:
        char = self._text[at : at + 1]
        if char == "[":
            return self._array(at, key)
        if char == "{":
            return self._inline(at, key)
        for start, pattern in (('"""', _LONG_BASIC), ("'''", _LONG_LITERAL), ('"', _BASIC), ("'", _LITERAL)):
            if self._text.startswith(start, at):
                match = pattern.match(self._text, at)
                return match.end() if match else len(self._text)
        match = _OTHER.match(self._text, at)
        return match.end() if match else len(self._text)

    def _array(self, at: int, key: Key) -> int:
        at, count = self._blank(at + 1), 0
        while at < len(self._text) and self._text[at] != "]":
            self._places[*key, count] = self._lines.place(at)
            at = self._blank(self._value(at, (*key, count)))
            count += 1
            if self._text[at : at + 1] == ",":
                at = self._blank(at + 1)
        return at + 1

    def _inline(self, at: int, key: Key) -> int:
        at = self._blank(at + 1)
        while at < len(self._text) and self._text[at] != "}":
            at = self._blank(self._pair(at, key))
            if self._text[at : at + 1] == ",":
                at = self._blank(at + 1)
        return at + 1

    def _blank(self, at: int) -> int:
        match = _BLANK.match(self._text, at)
        return match.end() if match else at

    def _space(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match else at


def _unquoted(name: str) -> str:
    if name[0] == "'":
        return name[1:-1]
    if name[0] == '"':
        parsed: Any = tomllib.loads(f"name = {name}")["name"]
        return str(parsed)
    return name
