"""The converter: strict inwards with the field named, sparse outwards, and both ways the same."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from lsprotocol import types

from reloadls.protocol import (
    Change,
    ChangeBatch,
    InvalidParams,
    ModuleReport,
    NoParams,
    RefreshPathsParams,
    ReloadReport,
    ReloadStatus,
    ReportError,
    RootStatus,
    SinceParams,
    SyncParams,
    TriggerParams,
    encode_change_batch,
    encode_watched_files,
    make_converter,
    structure_params,
)
from reloadls.protocol.convert import structure_initialize
from reloadls.protocol.message_types import ClientProtocol, params_type, result_type
from reloadls.protocol.messages import NOTIFICATION_TYPES, REQUEST_TYPES
from reloadls.wire import jsonio

CONVERTER = make_converter()


def check(cls: Any, raw: object, field: str, reason: str) -> None:
    """Structuring is refused for this field and reason."""
    with pytest.raises(InvalidParams) as caught:
        structure_params(CONVERTER, raw, cls)
    assert caught.value.data == {"field": field, "reason": caught.value.reason}
    assert reason in caught.value.reason
    jsonio.dumps(caught.value.data)


@pytest.mark.parametrize(
    ("cls", "raw", "field", "reason"),
    [
        (SyncParams, {"timeoutMs": "1"}, "timeoutMs", 'must be an integer, not "1"'),
        (SyncParams, {"timeoutMs": True}, "timeoutMs", "must be an integer, not true"),
        (SyncParams, {"timeoutMs": 3.0}, "timeoutMs", "must be an integer, not 3.0"),
        (SyncParams, {"timeoutMs": None}, "timeoutMs", "must be an integer, not null"),
        (SyncParams, {"timeoutMs": -1}, "timeoutMs", "from 0 to 600000, not -1"),
        (SyncParams, {"timeoutMs": 600001}, "timeoutMs", "from 0 to 600000"),
        (SyncParams, {"timeout": 1}, "timeout", 'did you mean "timeoutMs"?'),
        (SyncParams, {"timeout_ms": 1}, "timeout_ms", "is not a known field"),
        (SyncParams, [1], "", "must be an object, not [1]"),
        (SyncParams, "x", "", "must be an object"),
        (NoParams, {"a": 1}, "a", "is not a known field; none are known"),
        (RefreshPathsParams, {"paths": "oops"}, "paths", 'must be an array, not "oops"'),
        (RefreshPathsParams, {"paths": {}}, "paths", "must be an array, not {}"),
        (RefreshPathsParams, {"paths": ["a", 1]}, "paths[1]", "must be a string, not 1"),
        (SinceParams, {"clock": 1}, "clock", "must be a string, not 1"),
        (TriggerParams, {"uris": [None]}, "uris[0]", "must be a string, not null"),
        (Change, {"uri": "a", "type": "moved"}, "type", 'one of "created", "modified", "deleted", not "moved"'),
        (Change, {"type": "created"}, "uri", "is required"),
        (types.DidSaveTextDocumentParams, None, "textDocument", "is required"),
        (types.DidSaveTextDocumentParams, {"textDocument": 5}, "textDocument", "must be an object, not 5"),
        (types.DidSaveTextDocumentParams, {"textDocument": {}}, "textDocument.uri", "is required"),
        (types.DidSaveTextDocumentParams, {"textDocument": {"uri": 5}}, "textDocument.uri", "string, not 5"),
        (types.DidChangeWatchedFilesParams, {"changes": "abc"}, "changes", "must be an array"),
        (
            types.DidChangeWatchedFilesParams,
            {"changes": [{"uri": "a", "type": 1}, {"uri": "b", "type": 9}]},
            "changes[1].type",
            "must be one of 1, 2, 3, not 9",
        ),
        (types.DidChangeWatchedFilesParams, {"changes": [{"uri": "a", "type": True}]}, "changes[0].type", "not true"),
        (types.Position, {"line": -1, "character": 0}, "line", "should be in range [0:2147483647], not -1"),
        (types.SetTraceParams, {"value": "loud"}, "value", 'must be one of "off", "messages", "verbose"'),
        (types.ExecuteCommandParams, {"command": "a", "arguments": 5}, "arguments", "must be an array"),
    ],
)
def test_what_does_not_fit_is_refused_by_field_and_reason(cls: Any, raw: object, field: str, reason: str) -> None:
    check(cls, raw, field, reason)


@pytest.mark.parametrize(
    ("cls", "raw", "value"),
    [
        (SyncParams, None, SyncParams()),
        (SyncParams, {}, SyncParams(10_000)),
        (SyncParams, {"timeoutMs": 0}, SyncParams(0)),
        (NoParams, {}, NoParams()),
        (RefreshPathsParams, {"paths": None}, RefreshPathsParams()),
        (RefreshPathsParams, {"paths": ["a"]}, RefreshPathsParams(("a",))),
        (types.ExecuteCommandParams, {"command": "a"}, types.ExecuteCommandParams("a")),
        (
            types.ExecuteCommandParams,
            {"command": "a", "arguments": [{"b": [1]}]},
            types.ExecuteCommandParams("a", ({"b": [1]},)),
        ),
    ],
)
def test_what_fits_is_typed(cls: Any, raw: object, value: object) -> None:
    assert structure_params(CONVERTER, raw, cls) == value


STATUS = ReloadStatus(
    state="degraded",
    backend="polling",
    roots=(RootStatus(uri="file:///p", kind="directory", state="denied", files=0),),
    debounce_ms=1,
    max_wait_ms=2,
    clock="c",
)
REPORT = ReloadReport(
    target="1",
    clock="c",
    at="2026-01-31T12:00:00.123Z",
    duration_ms=3,
    status="failed",
    modules=(ModuleReport(name="a", uri="file:///a", status="rolledBack", changed=("f",), reason="why"),),
    error=ReportError(type="SyntaxError", message="m", range=types.Range(types.Position(1, 2), types.Position(1, 3))),
)
BATCH = ChangeBatch(
    clock="c:2",
    since="c:1",
    at="t",
    cause="watch",
    changes=(Change("file:///a", "created", "file:///b"), Change("file:///b", "deleted")),
)


@pytest.mark.parametrize("message", [STATUS, REPORT, BATCH, attrs.evolve(BATCH, partial=True)])
def test_messages_come_back_as_they_were(message: Any) -> None:
    plain = jsonio.loads(jsonio.dumps(CONVERTER.unstructure(message)))
    assert CONVERTER.structure(plain, type(message)) == message


def test_defaults_are_left_out_unless_they_are_always_sent() -> None:
    assert CONVERTER.unstructure(Change("u", "created")) == {"uri": "u", "type": "created"}
    assert "partial" not in CONVERTER.unstructure(BATCH)
    plain = CONVERTER.unstructure(STATUS)
    assert plain["problems"] == [] and plain["targets"] == []
    assert plain["debounceMs"] == 1 and plain["roots"][0]["files"] == 0
    report = CONVERTER.unstructure(REPORT)
    assert report["sessions"] == {"rebound": 0, "pinned": 0, "failed": 0}
    assert "uri" not in report["error"] and report["durationMs"] == 3


def test_nulls_that_lsp_wants_are_kept() -> None:
    plain = CONVERTER.unstructure(types.InitializeParams(capabilities=types.ClientCapabilities()))
    assert plain["processId"] is None and plain["rootUri"] is None


@pytest.mark.parametrize("partial", [False, True])
def test_the_fast_encoding_is_the_same(partial: bool) -> None:
    batch = attrs.evolve(BATCH, partial=partial)
    assert encode_change_batch(batch) == CONVERTER.unstructure(batch)


def test_watched_files_are_the_same_files_in_the_same_order() -> None:
    assert encode_watched_files(BATCH) == {
        "changes": [{"uri": "file:///a", "type": 1}, {"uri": "file:///b", "type": 3}]
    }


def test_unknown_capabilities_do_not_keep_a_client_out() -> None:
    symbols = {"workspace": {"symbol": {"symbolKind": {"valueSet": [1, 999]}}, "applyEdit": "yes"}}
    raw = {"processId": 1, "rootUri": None, "capabilities": {**symbols, "window": {"workDoneProgress": True}}}
    params = structure_initialize(CONVERTER, raw)
    assert params.process_id == 1
    assert params.capabilities.window is not None and params.capabilities.window.work_done_progress is True
    assert raw["capabilities"]["workspace"]["applyEdit"] == "yes"  # type: ignore[index]  # the input is untouched


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (None, "capabilities"),
        ({}, "capabilities"),
        ({"capabilities": 5}, "capabilities"),
        ({"capabilities": {}, "processId": "x"}, "processId"),
        ({"capabilities": {}, "workspaceFolders": [{"name": "a"}]}, "workspaceFolders[0].uri"),
    ],
)
def test_other_mistakes_in_initialize_are_refused(raw: object, field: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        structure_initialize(CONVERTER, raw)
    assert caught.value.field == field


def test_every_method_of_ours_has_its_types() -> None:
    protocol: Any = ClientProtocol.__new__(ClientProtocol)
    for method, (params, result) in REQUEST_TYPES.items():
        assert (params_type(method), result_type(method)) == (params, result)
        required = {each.name: "x" for each in attrs.fields(params) if each.default is attrs.NOTHING}
        whole = {"jsonrpc": "2.0", "id": 1, "method": method, "params": required}
        request = CONVERTER.structure(whole, protocol.get_message_type(method))
        assert request.id == 1 and request.params == params(**required)
        assert {"jsonrpc": "2.0", "id": 1, "method": method}.items() <= CONVERTER.unstructure(request).items()
        assert attrs.fields_dict(protocol.get_result_type(method))["result"].type == result
    for method, params in NOTIFICATION_TYPES.items():
        assert attrs.fields_dict(protocol.get_message_type(method))["params"].type is params
