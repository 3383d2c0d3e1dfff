"""Which records a subscriber receives: `where` expressions, kinds and ids. Pure."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from reloadls.records.errors import FilterError
from reloadls.records.fields import MISSING, field_at, instant
from reloadls.records.keys import Key, same_kind
from reloadls.records.layout import Layout

__all__ = ["OPERATORS", "RecordFilter", "Where", "parse_where"]

OPERATORS: Final = ("=", "!=", "<", ">", "~", ":")
_FORM: Final = re.compile(r"(?P<field>[^=!<>~:]*)(?P<operator>[=!<>~:]+)?(?P<value>.*)", re.DOTALL)
_FIELD: Final = re.compile(r"[^\s.]+(?:\.[^\s.]+)*")
_LONGEST: Final = 4096
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_WORDS: Final[Mapping[str, Any]] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Where:
    """One expression: a field, an operator and a value.

    Attributes:
        path: the steps to the field.
        operator: one of `OPERATORS`.
        value: the text that the field is compared with.
    """

    path: tuple[str, ...]
    operator: str
    value: str

    def matches(self, data: Any) -> bool:
        """Return whether a record's data matches."""
        return _TESTS[self.operator](field_at(data, self.path), self.value)


def parse_where(text: str) -> Where:
    """Return the expression that `text` is: ``path.to.field=value``, or another operator in place of ``=``.

    Raises:
        FilterError: the field or the operator can't be read.
    """
    example = "must be such as 'status=open'"
    if len(text) > _LONGEST:
        raise FilterError(f"{text[:50]!r}… is longer than {_LONGEST} characters")
    found = _FORM.fullmatch(text)
    assert found is not None
    name, operator, value = found["field"].strip(), found["operator"], found["value"]
    if operator is None:
        raise FilterError(f"{text!r} has no operator; {example}, with one of {' '.join(OPERATORS)}")
    if operator not in OPERATORS:
        quoted = f"{name}{operator[0]}{json.dumps(operator[1:] + value)}"
        raise FilterError(
            f"{text!r} has the operator {operator!r}, which is not one of {' '.join(OPERATORS)}; "
            f"a value that begins with one needs quotes: {quoted}"
        )
    if not _FIELD.fullmatch(name):
        raise FilterError(f"{text!r} has the field {name!r}, which can't be read; {example} or 'owner.name=ada'")
    return Where(tuple(name.split(".")), operator, value)


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which records a subscriber receives; all parts must match.

    Attributes:
        where: expressions about the data.
        kinds: names of kinds, singular or plural; empty: all.
        ids: ids; empty: all.
    """

    where: tuple[Where, ...] = ()
    kinds: tuple[str, ...] = ()
    ids: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, where: Iterable[str] = (), kinds: Iterable[str] = (), ids: Iterable[str] = (), layout: Layout | None = None
    ) -> RecordFilter:
        """Return the filter of these expressions.

        Raises:
            FilterError: an expression can't be read, or the layout has no such kind.
        """
        for name, value in (("where", where), ("kinds", kinds), ("ids", ids)):
            if isinstance(value, str):
                raise FilterError(f"{name} must be a list of texts, not one: [{value!r}]")
        asked = tuple(dict.fromkeys(kinds))
        for kind in asked:
            if not kind:
                raise FilterError("the name of a kind must not be empty")
            if layout is not None and layout.kinds and not any(same_kind(kind, known) for known in layout.kinds):
                raise FilterError(f"{kind!r} is not a kind of the layout; must be one of {', '.join(layout.kinds)}")
        return cls(tuple(dict.fromkeys(map(parse_where, where))), asked, frozenset(ids))

    def takes(self, key: Key) -> bool:
        """Return whether records of this kind and id may match."""
        if self.ids and key[1] not in self.ids:
            return False
        return not self.kinds or any(same_kind(asked, key[0]) for asked in self.kinds)

    def matches(self, key: Key, data: Any) -> bool:
        """Return whether a record matches."""
        if self.kinds or self.ids:
            return self.takes(key) and all(where.matches(data) for where in self.where)
        return all(where.matches(data) for where in self.where)


# -- operators ---------------------------------------------------------------------------------------------


@lru_cache(1024)
def _value(text: str) -> tuple[str, Any]:
    """Return the text to compare texts with, and the number or word that it may also be, else `MISSING`."""
    if text[:1] == '"':
        try:
            quoted = json.loads(text)
        except ValueError:
            quoted = None
        if isinstance(quoted, str):
            return quoted, MISSING
    if text in _WORDS:
        return text, _WORDS[text]
    if _NUMBER.fullmatch(text) and len(text) < 400:
        return text, int(text) if text.lstrip("-").isdecimal() else float(text)
    return text, MISSING


def _equal(found: Any, value: str) -> bool:
    text, other = _value(value)
    if isinstance(found, str):
        return found == text
    if isinstance(found, bool) or found is None:
        return other is found
    if isinstance(found, int | float):
        return isinstance(other, int | float) and not isinstance(other, bool) and found == other
    return False


def _compared(found: Any, value: str) -> int | None:
    """Return -1, 0 or 1 as `found` is less, equal or more; None if the two can't be compared."""
    text, other = _value(value)
    pair: tuple[Any, Any] | None = None
    if isinstance(found, int | float) and not isinstance(found, bool):
        if isinstance(other, int | float) and not isinstance(other, bool):
            pair = found, other
    elif isinstance(found, str):
        at, limit = instant(found), instant(text)
        pair = (found, text) if at is None or limit is None else (at, limit)
    return None if pair is None else (pair[0] > pair[1]) - (pair[0] < pair[1])


@lru_cache(256)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern))


def _like(found: Any, value: str) -> bool:
    if isinstance(found, int | float) and not isinstance(found, bool):
        found = json.dumps(found)
    return isinstance(found, str) and _glob(_value(value)[0]).match(found) is not None


def _contains(found: Any, value: str) -> bool:
    return isinstance(found, list) and any(_equal(item, value) for item in found)


_TESTS: Final[Mapping[str, Callable[[Any, str], bool]]] = {
    "=": _equal,
    "!=": lambda found, value: not _equal(found, value),
    "<": lambda found, value: _compared(found, value) == -1,
    ">": lambda found, value: _compared(found, value) == 1,
    "~": _like,
    ":": _contains,
}
