"""JSON with the place of each value. Duplicate keys, NaN and infinities are errors, since readers differ about them."""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from reloadls.config.errors import SourceFailed
from reloadls.config.formats.lines import Lines
from reloadls.config.source import Key, Part, Place

__all__ = ["parse_json"]

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"(-?(?:0|[1-9]\d*))(\.\d+)?([eE][-+]?\d+)?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS = {"true": True, "false": False, "null": None}
_MOST_DEPTH = 200
_MOST_DIGITS = 4000


def parse_json(text: str) -> Part:
    """Return the object that `text` holds.

    Raises:
        SourceFailed: it is not JSON, or not an object.
    """
    return _Parser(text).part()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = Lines(text)
        self._places: dict[Key, Place] = {}

    def part(self) -> Part:
        start = self._skip(0)
        if self._text[start : start + 1] != "{":
            raise self._error("an object must be at the top: {…}", start)
        values, end = self._value(start, ())
        end = self._skip(end)
        if end < len(self._text):
            raise self._error("nothing may follow the object", end)
        return Part(values, self._places)

    def _value(self, at: int, key: Key) -> tuple[Any, int]:
        if len(key) > _MOST_DEPTH:
            raise self._error(f"nested deeper than {_MOST_DEPTH} levels", at)
        char = self._text[at : at + 1]
        if char == "{":
            return self._object(at, key)
        if char == "[":
            return self._list(at, key)
        if char == '"':
            return self._string(at)
        for word, value in _WORDS.items():
            if self._text.startswith(word, at):
                return value, at + len(word)
        return self._number(at)

    def _number(self, at: int) -> tuple[Any, int]:
        match = _NUMBER.match(self._text, at)
        if match is None:
            raise self._error("a value is expected here" if at < len(self._text) else "the text ends too early", at)
        whole, fraction, exponent = match.groups()
        if fraction or exponent:
            return float(match[0]), match.end()
        if len(whole) > _MOST_DIGITS:  # as int() has it, whose exception would hold the number
            raise self._error(f"the number has more than {_MOST_DIGITS} digits", at)
        return int(whole), match.end()

    def _string(self, at: int) -> tuple[str, int]:
        try:
            value, end = scanstring(self._text, at + 1, True)
        except json.JSONDecodeError as error:
            position = error.pos
        else:
            if _SURROGATE.search(value):
                raise self._error("a string has half of a surrogate pair", at)
            return value, end
        raise self._error("a string is not closed, or holds an invalid escape or control character", position)

    def _object(self, at: int, key: Key) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        at = self._skip(at + 1)
        while self._text[at : at + 1] != "}":
            if found:
                at = self._expect(",", at)
            if self._text[at : at + 1] != '"':
                raise self._error("a key in double quotes is expected here", at)
            start = at
            name, at = self._string(at)
            if name in found:
                raise self._error(f'duplicate key "{name}"', start, (*key, name))
            at = self._expect(":", self._skip(at))
            self._places[*key, name] = self._lines.place(at)
            found[name], at = self._value(at, (*key, name))
            at = self._skip(at)
        return found, at + 1

    def _list(self, at: int, key: Key) -> tuple[list[Any], int]:
        found: list[Any] = []
        at = self._skip(at + 1)
        while self._text[at : at + 1] != "]":
            if found:
                at = self._expect(",", at)
            self._places[*key, len(found)] = self._lines.place(at)
            value, at = self._value(at, (*key, len(found)))
            found.append(value)
            at = self._skip(at)
        return found, at + 1

    def _expect(self, char: str, at: int) -> int:
        if self._text[at : at + 1] != char:
            raise self._error(f"'{char}' is expected here" if at < len(self._text) else "the text ends too early", at)
        return self._skip(at + 1)

    def _skip(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match else at

    def _error(self, message: str, at: int, key: Key = ()) -> SourceFailed:
        place = self._lines.place(at)
        return SourceFailed(message, line=place.line, column=place.column, key=".".join(map(str, key)))
