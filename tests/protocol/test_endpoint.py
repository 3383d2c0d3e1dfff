"""The endpoint: exactly one reply to every request, with the right code, whatever is sent."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lsprotocol import types

from reloadls.protocol import ConnectionLost, Frame, Framer, encode_notification, frame

from .tiny_server import Tiny, make_server, tiny_status

V = {"jsonrpc": "2.0"}
Json = dict[str, Any]


class Wire:
    """A server with its wire in hand: what is fed to it, and what it wrote."""

    def __init__(self) -> None:
        self.server: Tiny = make_server()
        self.protocol = self.server.safe
        self.writes: list[bytes] = []
        self.broken = False
        self.protocol.set_writer(self)
        self._next_id = 1000

    def write(self, data: bytes) -> None:
        if self.broken:
            raise BrokenPipeError
        self.writes.append(data)

    def take(self) -> list[Json]:
        """Take the messages written so far; each must be one write and one well-formed message."""
        messages = []
        for data in self.writes:
            (event,) = Framer().feed(data)
            assert isinstance(event, Frame)
            messages.append(json.loads(event.body))
            assert messages[-1]["jsonrpc"] == "2.0"
        self.writes.clear()
        return messages

    def send(self, message: object) -> list[Json]:
        """Feed a JSON value and take what is written at once."""
        self.protocol.feed(frame(json.dumps(message).encode()))
        return self.take()

    def call(self, method: str, params: object = None) -> Json:
        """Send a request that is answered at once, and return the reply."""
        self._next_id += 1
        message = {**V, "id": self._next_id, "method": method}
        (reply,) = self.send(message if params is None else {**message, "params": params})
        assert reply["id"] == self._next_id
        return reply

    async def settled(self) -> list[Json]:
        """Let what is in flight finish, and take what is written."""
        await self.protocol.settle(5)
        return self.take()


@pytest.fixture
def new() -> Iterator[Wire]:
    """A server that was not initialized yet."""
    wire = Wire()
    yield wire
    wire.protocol.close()
    wire.server.shutdown()  # type: ignore[no-untyped-call]  # pygls has no types here


@pytest.fixture
def wire(new: Wire) -> Wire:
    """A server that is running."""
    assert "result" in new.call("initialize", {"processId": None, "capabilities": {}})
    new.send({**V, "method": "initialized", "params": {}})
    return new


def check_error(reply: Json, code: int, *, text: str = "", **data: object) -> None:
    """The reply is this error, says this text, and carries this data."""
    assert "result" not in reply
    assert reply["error"]["code"] == code, reply
    assert text in reply["error"]["message"]
    assert "Traceback" not in json.dumps(reply)
    assert {key: reply["error"].get("data", {}).get(key) for key in data} == data


def check_alive(wire: Wire) -> None:
    """The next valid request is answered, and nothing else is written."""
    assert wire.call("test/echo", {"alive": 1})["result"] == {"alive": 1}


def test_initialize_announces_what_we_add(new: Wire) -> None:
    capabilities = new.call("initialize", {"processId": None, "capabilities": {}})["result"]["capabilities"]
    reload = capabilities["experimental"]["reload"]
    assert reload["version"] == 1
    assert "reload/sync" in reload["requests"] and "reload/didChange" in reload["notifications"]
    commands = capabilities["executeCommandProvider"]["commands"]
    assert {"reloadls.status", "reloadls.sync", "tiny.add"} <= set(commands)


@pytest.mark.parametrize("params", ["absent", None, {}])
def test_params_that_may_be_left_out(wire: Wire, params: object) -> None:
    message = {**V, "id": 1, "method": "reload/status"}
    (reply,) = wire.send(message if params == "absent" else {**message, "params": params})
    assert reply["result"]["clock"] == tiny_status().clock


async def test_default_params_are_an_object(wire: Wire) -> None:
    wire.send({**V, "id": 1, "method": "reload/sync"})
    assert await wire.settled() == [{**V, "id": 1, "result": {"clock": "c:1:10000"}}]


@pytest.mark.parametrize(
    ("body", "code", "msg_id"),
    [
        (b"", -32700, None),
        (b"{", -32700, None),
        (b"\xff\xfe", -32700, None),
        (b'{"jsonrpc":"2.0","id":1,"method":"reload/status"', -32700, None),
        (b"[" * 100_000 + b"]" * 100_000, -32700, None),
        (b'{"jsonrpc":"2.0","id":1,"method":"reload/status","params":{"a":NaN}}', -32700, None),
        (b"[]", -32600, None),
        (b'[{"jsonrpc":"2.0","id":1,"method":"reload/status"}]', -32600, None),
        (b"5", -32600, None),
        (b"{}", -32600, None),
        (b'{"id":1,"method":"reload/status"}', -32600, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":5}', -32600, 1),
        (b'{"jsonrpc":"2.0","id":null,"method":"reload/status"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"reload/status"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":' + b"9" * 400 + b',"method":"reload/status"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":1,"method":"reload/status","params":7}', -32600, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"reload/status","params":[1]}', -32602, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"nobody/knows"}', -32601, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"$/unknown"}', -32601, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"textDocument/hover","params":{}}', -32601, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}', -32601, 1),
        (b'{"jsonrpc":"2.0","id":"\\ud800","method":"nobody"}', -32601, "\ud800"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_bad_messages_get_their_code_and_id(wire: Wire, body: bytes, code: int, msg_id: object) -> None:
    wire.protocol.feed(frame(body))
    (reply,) = wire.take()
    assert reply["id"] == msg_id
    check_error(reply, code)
    check_alive(wire)


@pytest.mark.parametrize(
    ("stream", "replies"),
    [
        (b"Content-Length: x\r\n\r\n{}", 1),
        (b"garbage\r\n\r\n", 1),
        (b"Content-Length: 99999999999\r\n\r\n{}", 1),
        (b'Content-Length: 4\r\n\r\n{"a":1,"b":2}', 1),
        (b"\r\n\r\n", 0),
    ],
)
def test_a_damaged_stream_is_answered_and_goes_on(wire: Wire, stream: bytes, replies: int) -> None:
    wire.protocol.feed(stream)
    answers = wire.take()
    assert len(answers) == replies
    for reply in answers:
        assert reply["id"] is None
        check_error(reply, -32700)
    check_alive(wire)


def test_keys_of_json_rpc_within_params_are_params(wire: Wire) -> None:
    params = {"jsonrpc": "1.0", "id": 3, "method": "x", "result": {"jsonrpc": "2.0"}, "error": 1}
    assert wire.call("test/echo", params)["result"] == params


@pytest.mark.parametrize(
    ("method", "params", "field", "reason"),
    [
        ("reload/sync", {"timeoutMs": "1"}, "timeoutMs", 'must be an integer, not "1"'),
        ("reload/sync", {"timeout": 1}, "timeout", 'is not a known field; did you mean "timeoutMs"?'),
        ("reload/status", {"a": 1}, "a", "is not a known field; must be one of metrics"),
        ("reload/since", {"clock": "bad"}, "clock", "must be one of ours"),
        ("reload/refreshPaths", {"paths": "oops"}, "paths", 'must be an array, not "oops"'),
        ("workspace/executeCommand", {"command": 5}, "command", "must be a string, not 5"),
        ("workspace/executeCommand", {}, "command", "is required"),
    ],
)
def test_bad_params_name_the_field(wire: Wire, method: str, params: Json, field: str, reason: str) -> None:
    reply = wire.call(method, params)
    check_error(reply, -32602, text=reason, field=field, reason=reason)
    check_alive(wire)


@pytest.mark.parametrize(
    ("arguments", "field", "reason"),
    [
        ([{"paths": "oops"}], "paths", 'must be an array, not "oops"'),
        ([{"path": []}], "path", 'is not a known field; did you mean "paths"?'),
        ([5], "", "must be an object, not 5"),
        ([{}, {}], "arguments", "must hold one params object or none, not 2 items"),
        ("x", "arguments", 'must be an array, not "x"'),
    ],
)
def test_commands_are_held_to_the_rules_of_their_request(
    wire: Wire, arguments: object, field: str, reason: str
) -> None:
    params = {"command": "reloadls.refreshPaths", "arguments": arguments}
    check_error(wire.call("workspace/executeCommand", params), -32602, field=field, reason=reason)


@pytest.mark.parametrize("arguments", [[], [None], [{}], None])
def test_commands_without_params(wire: Wire, arguments: object) -> None:
    reply = wire.call("workspace/executeCommand", {"command": "reloadls.status", "arguments": arguments})
    assert reply["result"] == wire.call("reload/status")["result"]


async def test_commands_give_the_result_and_the_errors_of_their_request(wire: Wire) -> None:
    def execute(command: str, *arguments: object) -> None:
        params = {"command": command, "arguments": arguments}
        wire.send({**V, "id": 1, "method": "workspace/executeCommand", "params": params})

    execute("reloadls.sync", {"timeoutMs": 7})
    assert await wire.settled() == [{**V, "id": 1, "result": {"clock": "c:1:7"}}]
    execute("reloadls.sync", {"timeoutMs": 0})
    (reply,) = await wire.settled()
    check_error(reply, -32803, uri="file:///p", reason="the time is over")


def test_other_commands(wire: Wire) -> None:
    def execute(command: str, *arguments: object) -> Json:
        return wire.call("workspace/executeCommand", {"command": command, "arguments": arguments})

    assert execute("tiny.add", 1, 2)["result"] == 3
    check_error(execute("tiny.add", 1), -32602, text="Expected 2 arguments", field="arguments")
    check_error(execute("reloadls.snc"), -32602, text='did you mean "reloadls.sync"', field="command")
    check_error(execute("reloadls.pause"), -32602, field="command")  # nobody handles it here


@pytest.mark.parametrize("method", ["reload/status", "shutdown", "nobody/knows"])
def test_nothing_is_served_before_initialize(new: Wire, method: str) -> None:
    check_error(new.call(method), -32002, text=method)
    new.send({**V, "method": "test/note"})
    assert new.server.done == []


def test_initialize_is_served_once(new: Wire) -> None:
    check_error(new.call("initialize", {"capabilities": 5}), -32602, field="capabilities")
    bad_root: Json = {"processId": None, "capabilities": {}, "rootUri": "file://["}
    check_error(new.call("initialize", bad_root), -32602, field="rootUri")
    assert "result" in new.call("initialize", {"processId": None, "capabilities": {}})
    check_error(new.call("initialize", {"processId": None, "capabilities": {}}), -32600)
    check_alive(new)


def test_nothing_is_served_after_shutdown(wire: Wire) -> None:
    assert wire.call("shutdown")["result"] is None
    for method in ("reload/status", "shutdown", "initialize", "nobody/knows"):
        check_error(wire.call(method), -32600, text="after 'shutdown'")
    wire.protocol.feed(frame(b"{"))
    check_error(wire.take()[0], -32700)


@pytest.mark.parametrize(("first", "code"), [("shutdown", 0), (None, 1)])
def test_exit_gives_the_code_and_ends_it(wire: Wire, first: str | None, code: int) -> None:
    codes: list[int] = []
    wire.protocol.on_exit = codes.append
    if first:
        wire.call(first)
    exit_ = frame(json.dumps({**V, "method": "exit"}).encode())
    wire.protocol.feed(exit_ + exit_ + frame(b"{"))
    assert codes == [code] and wire.protocol.exit_code == code
    assert wire.take() == []


@pytest.mark.parametrize(("first", "code"), [("shutdown", 0), (None, 1)])
def test_the_end_of_input_gives_the_code_too(wire: Wire, first: str | None, code: int) -> None:
    if first:
        wire.call(first)
    wire.protocol.end_of_input()
    wire.protocol.stop(9)
    assert wire.protocol.exit_code == code


async def test_an_id_in_flight_is_not_accepted_twice(wire: Wire) -> None:
    assert wire.send({**V, "id": 1, "method": "test/wait"}) == []
    (reply,) = wire.send({**V, "id": 1, "method": "test/wait"})
    check_error(reply, -32600, text="in flight")
    # 1 and "1" are two ids
    assert wire.send({**V, "id": "1", "method": "test/wait"}) == []
    wire.server.gate.set()
    assert sorted(str(reply["id"]) for reply in await wire.settled()) == ["1", "1"]
    assert wire.send({**V, "id": 1, "method": "test/echo"})[0]["id"] == 1  # free again


@pytest.mark.parametrize("method", ["test/wait", "test/stubborn"])
async def test_a_cancelled_request_is_answered_once(wire: Wire, method: str) -> None:
    wire.send({**V, "id": 1, "method": method})
    await asyncio.sleep(0)  # the handler begins
    (reply,) = wire.send({**V, "method": "$/cancelRequest", "params": {"id": 1}})
    assert reply["id"] == 1
    check_error(reply, -32800)
    assert wire.send({**V, "method": "$/cancelRequest", "params": {"id": 1}}) == []
    wire.send({**V, "id": 2, "method": "test/wait"})
    wire.server.gate.set()
    assert [reply["id"] for reply in await wire.settled()] == [2]
    assert wire.server.done[0] in ("cancelled", "ignored")


@pytest.mark.parametrize("turns_before", [0, 1, 2])
async def test_a_cancelled_command_stops_its_handler(wire: Wire, turns_before: int) -> None:
    wire.server.feature("reload/pause")(wire.server.protocol.fm.features["test/wait"])
    wire.send({**V, "id": 1, "method": "workspace/executeCommand", "params": {"command": "reloadls.pause"}})
    for _ in range(turns_before):
        await asyncio.sleep(0)
    (reply,) = wire.send({**V, "method": "$/cancelRequest", "params": {"id": 1}})
    check_error(reply, -32800)
    for _ in range(5):
        await asyncio.sleep(0)
    assert wire.server.done == ["cancelled"]


@pytest.mark.parametrize("params", [None, {}, [], {"id": None}, {"id": []}, {"id": True}, {"id": 99}, {"id": "x"}])
def test_a_malformed_cancel_is_nothing(wire: Wire, params: object) -> None:
    assert wire.send({**V, "method": "$/cancelRequest", "params": params}) == []
    check_alive(wire)


async def test_shutdown_answers_what_is_in_flight_first(wire: Wire) -> None:
    wire.send({**V, "id": 1, "method": "test/wait"})
    cancelled, shutdown = wire.send({**V, "id": 2, "method": "shutdown"})
    assert (cancelled["id"], shutdown["id"]) == (1, 2)
    check_error(cancelled, -32800)


def test_a_fault_of_ours_has_a_message_and_no_traceback(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    reply = wire.call("reload/since", {"clock": "boom"})
    check_error(reply, -32603, text="RuntimeError: boom")
    assert "second line" not in json.dumps(reply) and "data" not in reply["error"]
    assert caplog.records[-1].exc_info and caplog.records[-1].name.startswith("reloadls.")
    check_error(wire.call("test/unsendable"), -32603, text="test/unsendable")
    check_alive(wire)


async def test_a_request_in_a_thread_is_answered_from_the_loop(wire: Wire) -> None:
    wire.send({**V, "id": 1, "method": "test/thread"})
    assert await wire.settled() == [{**V, "id": 1, "result": True}]


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("$/whatever", {}),
        ("nobody/knows", {}),
        ("textDocument/didSave", {"textDocument": {"uri": 5}}),
        ("textDocument/didChange", {"textDocument": {"uri": "x", "version": 1}, "contentChanges": []}),
        ("test/since", None),
    ],
)
def test_notifications_never_get_a_reply(wire: Wire, method: str, params: object) -> None:
    assert wire.send({**V, "method": method, "params": params}) == []
    check_alive(wire)


async def test_notifications_are_handled(wire: Wire) -> None:
    wire.send({**V, "method": "textDocument/didSave", "params": {"textDocument": {"uri": "file:///a"}}})
    wire.send({**V, "method": "test/note", "params": [1]})
    await asyncio.sleep(0)
    assert wire.server.done == ["file:///a", "note [1]"]


async def test_our_requests_get_their_typed_results(wire: Wire) -> None:
    async def ask(**reply: object) -> Any:
        future = wire.protocol.send_request_async(
            "workspace/configuration", types.ConfigurationParams([types.ConfigurationItem(section="reloadls")])
        )
        (request,) = wire.take()
        assert request["params"] == {"items": [{"section": "reloadls"}]}
        assert wire.send({**V, "id": request["id"], **reply}) == []
        assert wire.send({**V, "id": request["id"], "result": "again"}) == []
        return await future

    assert await ask(result=[{"debounceMs": 5}]) == ({"debounceMs": 5},)
    with pytest.raises(Exception, match="must be an array"):
        await ask(result="oops")
    with pytest.raises(Exception, match="no such section"):
        await ask(error={"code": -32603, "message": "no such section"})
    with pytest.raises(Exception, match="answered with an error"):
        await ask(error=5)
    assert not wire.protocol._request_futures and not wire.protocol._result_types


async def test_ids_of_both_sides_may_be_equal(wire: Wire) -> None:
    wire.send({**V, "id": 7, "method": "test/wait"})
    future = wire.protocol.send_request("workspace/workspaceFolders", msg_id=7)
    assert [message.get("method") for message in wire.take()] == ["workspace/workspaceFolders"]
    wire.send({**V, "id": 7})  # a client that leaves a null result out
    assert future.result(0) is None
    wire.server.gate.set()
    assert await wire.settled() == [{**V, "id": 7, "result": "waited"}]


def test_responses_to_nothing_are_dropped(wire: Wire) -> None:
    for message in ({"id": 1, "result": 1}, {"id": None, "error": {"code": 1, "message": "x"}}, {"error": 1}):
        assert wire.send({**V, **message}) == []
    check_alive(wire)


def test_notifications_of_ours(wire: Wire) -> None:
    wire.protocol.notify("reload/didChangeStatus", tiny_status())
    wire.protocol.send_raw("test/raw", {"é": 1})
    wire.protocol.send_body(encode_notification("test/none"))
    first, second, third = wire.take()
    assert first["params"]["debounceMs"] == 200
    assert second == {**V, "method": "test/raw", "params": {"é": 1}}
    assert third == {**V, "method": "test/none"}


async def test_a_message_from_another_thread_is_sent_from_the_loop() -> None:
    wire = Wire()
    written_in: list[threading.Thread] = []
    wire.write = lambda data: written_in.append(threading.current_thread())  # type: ignore[method-assign]
    await asyncio.to_thread(wire.protocol.send_raw, "test/raw")
    await asyncio.sleep(0)
    assert written_in == [threading.current_thread()]


def test_after_the_client_disconnects_nothing_is_raised(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    pending = wire.protocol.send_request("workspace/workspaceFolders")
    wire.broken = True
    wire.protocol.notify("test/raw", {})
    assert isinstance(pending.exception(0), ConnectionLost)
    assert isinstance(wire.protocol.send_request("x").exception(0), ConnectionLost)
    wire.protocol.feed(frame(json.dumps({**V, "id": 1, "method": "reload/status"}).encode()))
    assert all(record.levelno <= logging.DEBUG for record in caplog.records if "gone" in record.message)


async def test_close_leaves_nothing_behind(wire: Wire) -> None:
    wire.send({**V, "id": 1, "method": "test/wait"})
    pending = wire.protocol.send_request("workspace/workspaceFolders")
    wire.take()
    await asyncio.sleep(0)
    wire.protocol.close()
    (reply,) = wire.take()
    check_error(reply, -32800)
    assert isinstance(pending.exception(0), ConnectionLost)
    wire.protocol.notify("test/raw")
    assert wire.take() == []
    await asyncio.sleep(0)
    assert wire.server.done == ["cancelled"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
METHODS = st.sampled_from(
    ("reload/status", "reload/sync", "reload/since", "reload/refreshPaths", "workspace/executeCommand")
) | st.sampled_from(
    ("test/echo", "test/unsendable", "textDocument/didSave", "textDocument/didOpen", "initialize", "$/x", "nobody")
)
MESSAGES = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0") | JSON, "method": METHODS | JSON},
    optional={"id": st.integers() | JSON, "params": JSON, "result": JSON, "error": JSON},
)
LOOSE = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def expected_replies(message: object) -> int:
    """One, but for a well-formed notification and for anything that is a response."""
    if not isinstance(message, dict):
        return 1
    if "method" not in message:
        return 0 if "result" in message or "error" in message else 1
    well_formed = message.get("jsonrpc") == "2.0" and isinstance(message["method"], str)
    shaped = message.get("params") is None or isinstance(message["params"], dict | list)
    return 0 if well_formed and shaped and "id" not in message else 1


def readable_id(message: object) -> object:
    """The id a reply must carry: the message's own, or null where it is not one."""
    msg_id = message.get("id") if isinstance(message, dict) else None
    return msg_id if isinstance(msg_id, str) or (type(msg_id) is int and -(2**63) <= msg_id < 2**63) else None


@LOOSE
@given(st.lists(MESSAGES | JSON, min_size=1, max_size=4))
async def test_every_message_gets_the_replies_it_should(messages: list[object]) -> None:
    wire = Wire()
    wire.call("initialize", {"processId": None, "capabilities": {}})
    for message in messages:
        wire.protocol.feed(frame(json.dumps(message).encode()))
        replies = await wire.settled()
        assert len(replies) == expected_replies(message)
        for reply in replies:
            assert ("result" in reply) != ("error" in reply)
            assert reply["id"] == readable_id(message)
    check_alive(wire)


@LOOSE
@given(st.data())
async def test_a_damaged_stream_never_hangs_or_kills(data: st.DataObject) -> None:
    wire = Wire()
    wire.call("initialize", {"processId": None, "capabilities": {}})
    good = [frame(json.dumps({**V, "id": n, "method": "test/echo", "params": [n]}).encode()) for n in range(3)]
    stream = bytearray(b"".join(good))
    at = data.draw(st.integers(0, len(stream)))
    size = data.draw(st.integers(0, 20))
    stream[at : at + size] = data.draw(st.binary(max_size=20))
    step = data.draw(st.integers(1, 100))
    for start in range(0, len(stream), step):
        wire.protocol.feed(bytes(stream[start : start + step]))
    assert len(wire.take()) <= 6
    # What was cut off may swallow one message to come, as its length says; never two.
    wire.protocol.feed(frame(json.dumps({**V, "id": 100, "method": "test/echo"}).encode()))
    wire.protocol.feed(frame(json.dumps({**V, "id": 101, "method": "test/echo"}).encode()))
    assert any(reply["id"] == 101 for reply in wire.take())
