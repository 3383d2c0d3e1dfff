"""What two say of one file is shown together, whoever says it last."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reloadls.proxy.diagnostics import PUBLISH, Diagnostics

URI = "file:///w/a%2Bb.py"


def published(*messages: str, uri: str = URI, **more: Any) -> dict[str, Any]:
    diagnostics = [{"message": message} for message in messages]
    return {"jsonrpc": "2.0", "method": PUBLISH, "params": {"uri": uri, "diagnostics": diagnostics, **more}}


class Shown:
    """What an editor shows of one file."""

    def __init__(self, kept: int = 1000) -> None:
        self.both = Diagnostics(kept)
        self.last: dict[str, Any] = published()

    def server(self, *messages: str, uri: str = URI, **more: Any) -> list[str]:
        message = published(*messages, uri=uri, **more)
        return self._show(self.both.from_server(message, json.dumps(message).encode()) or message)

    def service(self, *messages: str, uri: str = URI) -> list[str]:
        return self._show(self.both.from_service(published(*messages, uri=uri)))

    def service_ended(self) -> list[list[str]]:
        return [self._show(message) for message in self.both.service_ended()]

    def _show(self, message: dict[str, Any]) -> list[str]:
        self.last = message
        return [diagnostic["message"] for diagnostic in message["params"]["diagnostics"]]


def test_neither_clears_the_others() -> None:
    shown = Shown()
    assert shown.server("type") == ["type"]
    assert shown.service("failed") == ["type", "failed"]
    assert shown.server("type", "name") == ["type", "name", "failed"]
    assert shown.server() == ["failed"]
    assert shown.service("failed again") == ["failed again"]
    assert shown.server("type") == ["type", "failed again"]
    assert shown.service() == ["type"]
    assert shown.server() == []


def test_other_files_are_ignored() -> None:
    shown = Shown()
    shown.service("failed")
    message = published("type", uri="file:///w/other.py")
    assert shown.both.from_server(message, b"{}") is None


def test_the_same_file_by_another_spelling() -> None:
    shown = Shown()
    shown.server("type", uri="file:///w/a+b.py")
    assert shown.service("failed") == ["type", "failed"]
    assert shown.last["params"]["uri"] == "file:///w/a+b.py"
    assert shown.server("type", uri="file:///w/a+b.py") == ["type", "failed"]


def test_other_diagnostics_of_the_server_stay_without_their_version() -> None:
    shown = Shown()
    shown.server("type", version=3, more=[1])
    shown.service("failed")
    assert shown.last["params"]["more"] == [1] and "version" not in shown.last["params"]
    shown.server("type", version=4)
    assert shown.last["params"]["version"] == 4


def test_the_service_ends() -> None:
    shown = Shown()
    shown.server("type")
    shown.service("failed")
    shown.service("failed, too", uri="file:///w/other.py")
    assert shown.service_ended() == [["type"], []]
    assert shown.last["params"]["uri"] == "file:///w/other.py"
    assert shown.server("type") == ["type"]


def test_what_is_kept_is_bounded() -> None:
    shown = Shown(kept=1000)
    shown.server("x" * 900, uri="file:///w/large.py")
    shown.server("type")
    assert shown.service("failed") == ["type", "failed"]
    assert shown.service("failed", uri="file:///w/large.py") == ["failed"]
    for _ in range(10):
        shown.server("y" * 600)
    assert shown.service("failed") == ["y" * 600, "failed"]


@pytest.mark.parametrize(
    "message",
    [{}, {"params": 5}, {"params": {"uri": 5}}, {"params": {"uri": "x", "diagnostics": None}}, {"params": []}],
)
def test_what_makes_no_sense_goes_on_as_it_is(message: dict[str, Any]) -> None:
    both = Diagnostics()
    assert both.from_server(message, b"x") is None
    assert both.from_service(message) is message


def test_a_uri_of_no_file() -> None:
    shown = Shown()
    assert shown.server("type", uri="untitled:1") == ["type"]
    assert shown.service("failed", uri="untitled:1") == ["type", "failed"]
