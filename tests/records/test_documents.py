"""From the bytes of a file to a record, or to the reason, with line and column."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reloadls.records.documents.document import MAX_BYTES, parse

_DEEP = "[" * 200 + "]" * 200


@pytest.mark.parametrize(
    ("raw", "reason", "place"),
    [
        (b"", "it is empty", (1, 1)),
        (b" \n\t", "it is empty", (1, 1)),
        (b'{"a": 1', "it is not JSON: expecting ',' delimiter", (1, 8)),
        (b'{"a": 1,\n "b": }', "it is not JSON: expecting value", (2, 7)),
        (b"{} {}", "it is not JSON: extra data", (1, 4)),
        (b"[1]", "it is an array, not an object", (1, 1)),
        (b'"a"', "it is a string, not an object", (1, 1)),
        (b"null", "it is null, not an object", (1, 1)),
        (b"true", "it is a boolean, not an object", (1, 1)),
        (b"17", "it is a number, not an object", (1, 1)),
        (b'{"a":\n NaN}', "NaN is not JSON", (2, 2)),
        (b'{"a": "NaN", "b": -Infinity}', "-Infinity is not JSON", (1, 19)),
        (b'{"a": 1e999}', "1e999 is a number too large", (1, 7)),
        (b'{"a": 1,\n  "b": 2,\n  "a": 3}', 'the key "a" is there twice', (3, 3)),
        (b'{"a": {"x": 1, "\\u0078": 2}}', 'the key "\\u0078" is there twice', (1, 16)),
        (b'{"a": "\xff"}', "it is not UTF-8: byte 0xff", (1, 8)),
        ("{}".encode("utf-16"), "it is not UTF-8: byte 0xff", (1, 1)),
        (b"\xef\xbb\xbf{}", "it begins with a byte order mark; save it as UTF-8 without one", (1, 1)),
        (f'{{"a":\n{_DEEP}}}'.encode(), "it is nested deeper than 100 levels", (2, 100)),
        (b'{"a": "' + b"x" * MAX_BYTES + b'"}', "it is larger than 1 MiB (1,048,576 bytes)", (None, None)),
    ],
)
def test_a_broken_document_has_a_reason_and_a_place(raw: bytes, reason: str, place: tuple[int, int]) -> None:
    problem = parse(raw).problem
    assert problem is not None
    assert (problem.reason, (problem.line, problem.column)) == (reason, place)


def test_a_number_of_too_many_digits_is_refused() -> None:
    problem = parse(b'{"a": ' + b"9" * 5000 + b"}").problem
    assert problem is not None
    assert "digits" in problem.reason


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), _JSON))
def test_every_object_is_a_record(data: dict[str, Any]) -> None:
    document = parse(json.dumps(data).encode())
    assert document.problem is None
    assert document.data == data
    assert json.loads(json.dumps(document.data)) == data


@given(st.binary(max_size=200))
def test_any_bytes_give_a_record_or_a_reason(raw: bytes) -> None:
    document = parse(raw)
    assert (document.data is None) != (document.problem is None)


def test_data_is_shared_so_it_can_not_be_changed() -> None:
    data: Any = parse(b'{"a": [1, {"b": [2]}], "c": {}}').data
    for change in (
        lambda: data.update(x=1),
        lambda: data.__setitem__("a", 1),
        lambda: data["a"].append(1),
        lambda: data["a"][1].pop("b"),
        data["a"][1]["b"].sort,
    ):
        with pytest.raises(TypeError, match="shared and can't be changed"):
            change()
    mine = copy.deepcopy(data)
    mine["a"][1]["b"].append(3)
    assert (mine["a"][1]["b"], data["a"][1]["b"]) == ([2, 3], [2])
    assert pickle.loads(pickle.dumps(data)) == data
    assert type(copy.copy(data)) is dict
