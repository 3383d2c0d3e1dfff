"""What `where` expressions, kinds and ids match, and how mistakes in them are reported."""

from __future__ import annotations

from typing import Any

import pytest

from reloadls.records import FilterError
from reloadls.records.filters import RecordFilter, parse_where
from reloadls.records.layout import BUILT_IN

DATA: dict[str, Any] = {
    "status": "open",
    "n": 5,
    "x": 2.5,
    "done": False,
    "none": None,
    "digits": "5",
    "owner": {"name": "ada", "tags": ["a", "b", 3, True]},
    "parts": [{"id": "p0"}, {"id": "p1"}],
    "at": "2026-01-01T12:00:00+02:00",
    "note": "~x",
}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("status=open", True), ("status=Open", False), ("status!=open", False), ("status!=done", True),
        ("n=5", True), ("n=5.0", True), ("n=05", False), ('n="5"', False), ("digits=5", True), ('digits="5"', True),
        ("n<6", True), ("n<5", False), ("n>4.5", True), ("n>x", False), ("x>2", True),
        ("done=false", True), ("done=0", False), ("done=False", False), ("none=null", True), ("none=", False),
        ("owner.name=ada", True), ("owner.name~a*", True), ("owner.name~b*", False), ("owner.name~[ab]d?", True),
        ("owner.tags:a", True), ("owner.tags:c", False), ("owner.tags:3", True), ("owner.tags:true", True),
        ('owner.tags:"3"', False), ("status:open", False), ("owner=ada", False),
        ("parts.1.id=p1", True), ("parts.2.id=p1", False), ("parts.x=1", False),
        ("missing=1", False), ("missing!=1", True), ("missing<1", False), ("missing~*", False),
        ("at<2026-01-01T10:00:01Z", True), ("at>2026-01-01T10:00:00Z", False), ("status<p", True),
        ("n~5", True), ("done~*", False), ('note="~x"', True), (" status =open", True), ("status= open", False),
    ],
)  # fmt: skip
def test_an_expression_matches(text: str, matches: bool) -> None:
    assert parse_where(text).matches(DATA) is matches


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("status", "'status' has no operator; must be such as 'status=open', with one of = != < > ~ :"),
        ("", "'' has no operator"),
        ("=open", "'=open' has the field '', which can't be read"),
        ("a..b=1", "has the field 'a..b', which can't be read"),
        ("a b=1", "has the field 'a b', which can't be read"),
        ("n<=5", "has the operator '<=', which is not one of = != < > ~ :; a value that begins with one needs quotes"),
        ("n==5", "has the operator '=='"),
        ("note=~x", 'needs quotes: note="~x"'),
        ("x" * 5000 + "=1", "is longer than 4096 characters"),
    ],
)
def test_a_mistake_names_the_field_or_the_operator(text: str, message: str) -> None:
    with pytest.raises(FilterError) as error:
        parse_where(text)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("asked", "kind", "matches"),
    [("task", "tasks", True), ("tasks", "task", True), ("dependency", "dependencies", True), ("tasks", "tasks", True),
     ("ask", "tasks", False), ("box", "boxes", True), ("dependencies", "dependency", True)],
)  # fmt: skip
def test_a_kind_may_be_singular_or_plural(asked: str, kind: str, matches: bool) -> None:
    assert RecordFilter.of(kinds=[asked]).matches((kind, "x"), {}) is matches


def test_an_unknown_kind_of_a_layout_is_refused() -> None:
    with pytest.raises(FilterError, match="'taks' is not a kind of the layout; must be one of reservations, intents"):
        RecordFilter.of(kinds=["taks"], layout=BUILT_IN["coordination"])
    with pytest.raises(FilterError, match=r"where must be a list of texts, not one: \['a=b'\]"):
        RecordFilter.of(where="a=b")


def test_all_parts_must_match() -> None:
    both = RecordFilter.of(["n=5", "status=open"], ["task"], ["a", "b"])
    assert both.matches(("tasks", "a"), DATA)
    assert not both.matches(("tasks", "c"), DATA)
    assert not both.matches(("claims", "a"), DATA)
    assert not both.matches(("tasks", "a"), DATA | {"n": 6})
