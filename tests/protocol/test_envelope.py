"""Messages are told apart by JSON-RPC's rules, and JSON text is read as leniently as real clients need."""

from __future__ import annotations

from typing import Any

import pytest
from lsprotocol.types import EXIT, INITIALIZE, SHUTDOWN

from reloadls.protocol.envelope import Malformed, Notification, Request, Response, classify
from reloadls.protocol.lifecycle import Lifecycle, Phase
from reloadls.wire import jsonio
from reloadls.wire.text import show

V = {"jsonrpc": "2.0"}


def check(message: object, expected: type, **fields: Any) -> None:
    """The message is of this kind, with these fields."""
    kind = classify(message, {"ours"})
    assert type(kind) is expected
    assert {name: getattr(kind, name) for name in fields} == fields


@pytest.mark.parametrize("msg_id", [0, 1, -1, 2**63 - 1, "", "a", "\ud800"])
@pytest.mark.parametrize("params", [None, {}, [], {"jsonrpc": "x", "id": 7, "method": 5}])
def test_requests_and_notifications(msg_id: int | str, params: object) -> None:
    check({**V, "id": msg_id, "method": "m", "params": params}, Request, id=msg_id, method="m", params=params)
    check({**V, "method": "m", "params": params}, Notification, method="m", params=params)


def test_params_may_be_absent() -> None:
    check({**V, "id": 1, "method": "m"}, Request, params=None)


@pytest.mark.parametrize(
    ("message", "msg_id"),
    [
        ([], None),
        ([{**V, "id": 1, "method": "m"}], None),
        (5, None),
        ("x", None),
        (None, None),
        ({}, None),
        (V, None),
        ({**V, "id": 1}, 1),
        ({"id": 1, "method": "m"}, 1),
        ({"jsonrpc": 2.0, "id": "a", "method": "m"}, "a"),
        ({"jsonrpc": "1.0", "method": "m"}, None),
        ({**V, "id": 1, "method": 5}, 1),
        ({**V, "id": 1, "method": None}, 1),
        ({**V, "method": []}, None),
        ({**V, "id": None, "method": "m"}, None),
        ({**V, "id": True, "method": "m"}, None),
        ({**V, "id": 1.5, "method": "m"}, None),
        ({**V, "id": 2**63, "method": "m"}, None),
        ({**V, "id": [], "method": "m"}, None),
        ({**V, "id": {}}, None),
        ({**V, "id": 1, "method": "m", "params": 5}, 1),
        ({**V, "id": 1, "method": "m", "params": "x"}, 1),
        ({**V, "id": 1, "method": "m", "params": False}, 1),
        ({**V, "method": "m", "params": 0}, None),
    ],
)
def test_an_invalid_message_is_answered_with_its_id_if_readable(message: object, msg_id: object) -> None:
    check(message, Malformed, id=msg_id)


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        ({**V, "id": 1, "result": 5}, {"id": 1, "result": 5, "error": None}),
        ({**V, "id": "a", "error": {"code": 1}}, {"id": "a", "error": {"code": 1}}),
        ({**V, "id": None, "error": {}}, {"id": None}),
        ({"id": 1, "result": None}, {"id": 1}),
        ({**V, "id": [], "result": 1}, {"id": None}),
        ({**V, "id": "ours"}, {"id": "ours", "result": None, "error": None}),
    ],
)
def test_responses_are_never_malformed(message: object, fields: dict[str, Any]) -> None:
    check(message, Response, **fields)


@pytest.fixture(params=["orjson", "json"])
def _library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "json":
        monkeypatch.setattr(jsonio, "orjson", None)
    else:
        pytest.importorskip("orjson")


@pytest.mark.usefixtures("_library")
@pytest.mark.parametrize("value", [None, 1, "é\u2028", "lone \ud800", 2**70, {"a": [1.5, True]}])
def test_json_comes_back(value: object) -> None:
    text = jsonio.dumps(value)
    assert b"\n" not in text
    # orjson reads an integer of more than 64 bits as a float
    assert jsonio.loads(text) == (pytest.approx(value) if value == 2**70 else value)


@pytest.mark.usefixtures("_library")
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"{}{}",
        b"\xff",
        b"NaN",
        b"[Infinity]",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b"'a'",
        b"{}\0",
    ],
)
def test_unreadable_json_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):
        jsonio.loads(text)


@pytest.mark.usefixtures("_library")
@pytest.mark.parametrize("value", [{1, 2}, object(), b"x"])
def test_what_has_no_json_form_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError):
        jsonio.dumps(value)


@pytest.mark.usefixtures("_library")
def test_a_circular_value_is_a_value_error() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(ValueError):
        jsonio.dumps(value)


@pytest.mark.parametrize("value", ["x" * 1000, "\ud800", {1}, [[1]] * 100])
def test_a_shown_value_is_short_and_can_be_sent(value: object) -> None:
    assert len(show(value).encode()) <= 70


def test_the_life_of_a_connection() -> None:
    life = Lifecycle()

    def expect(phase: Phase, exit_code: int, **codes: int | None) -> None:
        assert (life.phase, life.exit_code) == (phase, exit_code)
        for method, code in codes.items():
            refusal = life.refuse(method)
            assert (refusal.code if refusal else None) == code, method

    expect("new", 1, initialize=None, other=-32002, shutdown=-32002)
    assert not life.accepts_notification("other") and life.accepts_notification(EXIT)
    life.began(INITIALIZE)
    expect("starting", 1, initialize=-32600, other=-32002)
    life.ended(INITIALIZE, succeeded=False)
    expect("new", 1, initialize=None)
    life.began(INITIALIZE)
    life.ended(INITIALIZE, succeeded=True)
    expect("running", 1, initialize=-32600, other=None, shutdown=None)
    assert life.accepts_notification("other")
    life.began(SHUTDOWN)
    expect("shutdown", 0, initialize=-32600, other=-32600, shutdown=-32600)
    assert not life.accepts_notification("other") and life.accepts_notification(EXIT)
