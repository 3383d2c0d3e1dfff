"""Layouts: files and plain data, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reloadls.records import LayoutError
from reloadls.records.layout import Ending, Extension, layout_from, read_layout

_TEXT = """
kinds = ["leases", "beats", "ends"]
[summary]
leases = ["owner", "path.name"]
[expires]
leases = "expires_at"
[extended_by]
leases = ["beats.lease -> until"]
[ended_by]
leases = "ends.lease"
"""


def test_a_file_in_toml_or_json_is_the_same(tmp_path: Path) -> None:
    import tomllib

    toml, as_json = tmp_path / "x.toml", tmp_path / "x.json"
    toml.write_text(_TEXT)
    as_json.write_text(json.dumps(tomllib.loads(_TEXT)))
    layout = read_layout(str(toml))
    assert layout == read_layout(str(as_json))
    assert layout.key == read_layout(str(as_json)).key
    assert layout.extended_by["leases"] == (Extension("beats", "lease", "until"),)
    assert layout.ended_by["leases"] == (Ending("ends", "lease"),)
    assert sorted(["other", "ends", "leases", "another"], key=layout.order) == ["leases", "ends", "another", "other"]


def test_the_built_in_one_has_an_order() -> None:
    kinds = "reservations intents releases heartbeats tasks claims dependencies"
    assert read_layout("coordination").kinds == tuple(kinds.split())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "layout must be an object, not []"),
        ({"kind": ["a"]}, "layout: 'kind' is not a known field; must be one of kinds, summary, expires"),
        ({"kinds": "a"}, "kinds must be a list of folder names, not 'a'"),
        ({"kinds": ["a/b"]}, "kinds holds 'a/b', which holds a path separator"),
        ({"kinds": ["*"]}, "kinds holds '*', which holds a character that patterns use"),
        ({"kinds": [1]}, "kinds holds 1, which is not a text"),
        ({"kinds": [".a"]}, "kinds holds '.a', which begins with a dot"),
        ({"kinds": ["a", "a"]}, "kinds names 'a' twice"),
        ({"kinds": ["a"], "expires": {"b": "at"}}, "expires names 'b', which is not one of its kinds: a"),
        ({"expires": "at"}, "expires must have a value for each kind, not be 'at'"),
        ({"expires": {"a": 5}}, "expires.a must be the name of a field, such as 'expires_at', not 5"),
        ({"expires": {"a": "x y"}}, "expires.a must be the name of a field"),
        (
            {"extended_by": {"a": "b.c"}},
            "extended_by.a must be such as 'heartbeats.reservation_id -> extended_expires_at'",
        ),
        ({"ended_by": {"a": "b"}}, "ended_by.a must be such as 'releases.reservation_id', not 'b'"),
        ({"kinds": ["a"], "ended_by": {"a": "b.c"}}, "ended_by.a names 'b', which is not one of its kinds: a"),
    ],
)
def test_a_mistake_names_the_field_and_what_is_allowed(value: Any, message: str) -> None:
    with pytest.raises(LayoutError) as error:
        layout_from(value)
    assert message in str(error.value)


def test_a_file_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "x.toml"
    broken.write_text("kinds = [")
    with pytest.raises(LayoutError, match=r"x\.toml can't be read"):
        read_layout(str(broken))
    with pytest.raises(LayoutError, match="there is no layout 'coordnation'; must be coordination, or a file"):
        read_layout("coordnation")
    with pytest.raises(LayoutError, match=r"missing\.json can't be read: No such file"):
        read_layout(str(tmp_path / "missing.json"))
