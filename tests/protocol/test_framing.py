"""Framing: whatever the stream holds and however it is cut, every intact message comes through once."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reloadls.wire import framing
from reloadls.wire.framing import Frame, Framer, FramingError, frame

A = b'{"id":1,"text":"one"}'
B = b'{"id":2,"text":"two"}'
FA, FB = frame(A), frame(B)


def header(length: object, *more: str) -> bytes:
    return "".join(f"{line}\r\n" for line in (f"Content-Length: {length}", *more, "")).encode()


def feed(stream: bytes, step: int, max_body: int = 1000) -> list[Frame | str]:
    framer = Framer(max_body)
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)]
    events = [event for piece in pieces for event in framer.feed(piece)]
    return [event if isinstance(event, Frame) else event.kind for event in events]


def check(stream: bytes, *expected: bytes | str, max_body: int = 1000) -> None:
    """The stream gives these bodies and kinds of error, in one piece, byte by byte, and in between."""
    wanted = [Frame(item) if isinstance(item, bytes) else item for item in expected]
    for step in (len(stream) or 1, 1, 2, 7, 64):
        assert feed(stream, step, max_body) == wanted, f"in steps of {step}"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 21\r\n\r\n",
        b"content-length: 21\r\n\r\n",
        b"CONTENT-LENGTH:21\r\n\r\n",
        b"Content-Length:   21  \r\n\r\n",
        b"Content-Length : 21\r\n\r\n",
        b"Content-Length: 0021\r\n\r\n",
        b"Content-Length: 21\n\n",
        b"Content-Length: 21\n\r\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 21\r\n\r\n",
        b"Content-Length: 21\r\nContent-Type: x\r\n\r\n",
        b"X-Content-Length: 5\r\nContent-Length: 21\r\n\r\n",
        b"\r\n\r\nContent-Length: 21\r\n\r\n",
    ],
)
def test_headers_that_are_fine(head: bytes) -> None:
    check(head + A + FB, A, B)


@pytest.mark.parametrize(
    "bad",
    [
        b"Content-Length: \r\n\r\n" + A,
        b"Content-Length: -5\r\n\r\n" + A,
        b"Content-Length: +5\r\n\r\n" + A,
        b"Content-Length: 0x15\r\n\r\n" + A,
        b"Content-Length: 21.0\r\n\r\n" + A,
        b"Content-Length: \xd9\xa1\r\n\r\n" + A,
        b"Content-Length: 21\r\nContent-Length: 21\r\n\r\n" + A,
        b"Content-Length: 21\r\ncontent-length: 20\r\n\r\n" + A,
        b"Content-Type: x\r\n\r\n" + A,
        b"no header at all\r\n\r\n" + A,
        b"Content-Length 21\r\n\r\n" + A,
        A + b"\n",
        b"\x00\xff\xfe\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"X: " + b"y" * 9000 + b"\r\n",
        b"y" * 20000,
    ],
)
def test_a_broken_header_is_one_error_and_the_next_message_comes(bad: bytes) -> None:
    check(bad + FB + FA, "header", B, A)


@pytest.mark.parametrize("length", [1001, 99999999999, 10**17, "9" * 5000])
def test_a_message_over_the_limit_is_skipped_without_being_kept(length: object) -> None:
    check(header(length) + b"z" * 1001 + FA + FB, "size", A, B)


def test_a_message_at_the_limit_is_accepted() -> None:
    check(frame(b"z" * 1000) + FA, b"z" * 1000, A)


def test_an_oversized_message_is_not_held_in_memory() -> None:
    framer = Framer(1000)
    framer.feed(header(10**9))
    for _ in range(200):
        framer.feed(b"x" * 65536)
    assert len(framer._rest) < 1024
    assert framer.feed(b"}" + FA) == [Frame(A)]


def test_endless_garbage_is_one_error_and_is_not_held_in_memory() -> None:
    framer = Framer()
    events = [event for _ in range(100) for event in framer.feed(b"garbage: \r\nx" * 3000)]
    assert len(events) == 1
    assert len(framer._rest) < 16 * 1024


@pytest.mark.parametrize("missing", range(1, len(A) + 1))
def test_a_length_that_is_too_short_costs_only_its_own_message(missing: int) -> None:
    check(header(len(A) - missing) + A + FB + FA, A[:-missing], "garbage", B, A)


@pytest.mark.parametrize("extra", [*range(1, 24), 30, 40, 44, 200, 900])
def test_a_length_that_is_too_long_costs_nothing(extra: int) -> None:
    # In one piece the next header is seen at once; in pieces as soon as it is there.
    stream = header(len(A) + extra) + A + FB + FA + FB * 25
    for step in (len(stream), 7, 1):
        assert feed(stream, step)[:3] == [Frame(A), Frame(B), Frame(A)], f"in steps of {step}"


def test_a_body_without_content_is_a_message() -> None:
    check(header(0) + FA, b"", A)


def test_text_that_looks_like_a_header_within_a_string_is_text() -> None:
    body = json.dumps({"text": "Content-Length: 5\r\n\r\nhello"}).encode()
    check(frame(body) + FA, body, A)


def test_blank_lines_within_a_body_are_its_own() -> None:
    body = b'{\r\n\r\n"a": 1,\n\n"b": 2\n}\r\n\r\n'
    check(frame(body) + FA, body, A)


def test_a_large_body_byte_by_byte_and_many_small_ones_take_linear_time() -> None:
    # 2 MB in single bytes and 20,000 messages in one piece: seconds if either were quadratic.
    body = b'"' + b"x" * 2_000_000 + b'"'
    framer, events = Framer(), list[Frame | FramingError]()
    stream = frame(body)
    for at in range(len(stream)):
        events += framer.feed(stream[at : at + 1])
    assert events == [Frame(body)]
    assert len(Framer().feed(FA * 20_000)) == 20_000


def _may_be_json(body: bytes) -> bool:
    """JSON holds no raw header, and after its last `}` there is no beginning of one."""
    end = body[body.rfind(b"}") + 1 :].lower() if b"}" in body else b""
    return not end or not (b"content-length".startswith(end) or end.startswith(b"content-length"))


@given(st.lists(st.binary(max_size=60).filter(_may_be_json), max_size=5), st.integers(1, 50))
@example([b"}C", b"}"], 1).xfail(reason="no JSON: the C may be the next header's", raises=AssertionError)
def test_what_is_framed_comes_back(bodies: list[bytes], step: int) -> None:
    stream = b"".join(map(frame, bodies))
    assert feed(stream, step) == [Frame(body) for body in bodies]


@given(st.binary(max_size=200), st.integers(1, 50))
def test_after_any_garbage_the_second_of_two_messages_comes(garbage: bytes, step: int) -> None:
    assert feed(garbage + FA + FB, step)[-1:] == [Frame(B)]


@pytest.mark.parametrize(
    "piece",
    [
        b"content-length:1\n",
        b"content-length:1\n" * 480 + b"!\n\n",
        b"content-length:1\r\n!\r\n\r\n",
        b"Content-Type:1\n" * 500 + b"!\n\n",
        b"a:\n" * 2700 + b"!\n\n",
        b"content-length" * 580 + b"\n\n",
        b"content-length\n\n",
        b"content-length:" + b" " * 8000 + b"\n\n",
        b"\n\n",
    ],
)
def test_a_body_full_of_half_headers_is_looked_at_once(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    def count(block: bytes) -> int | None:
        looked.append(len(block))
        return find(block)

    find = framing._find_length_line
    monkeypatch.setattr(framing, "_find_length_line", count)
    body = (piece * (100_000 // len(piece) + 1)).rstrip()
    assert feed(frame(body) + FA, 512, 10**6) == [Frame(body), Frame(A)]
    assert sum(looked) <= len(body)


def test_a_block_of_headers_is_matched_from_its_end() -> None:
    block = b"content-length:1\n" * 480
    find = framing._find_length_line
    assert find(block + b"\n") == 0
    assert find(block + b"!\n\n") is None
    assert find(b"!\n" + block + b"\n") == 2
    assert find(b"x: \n}content-length:1\na: b\n\n") == 5


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", '"utf-16"'])
def test_another_charset_is_an_error_and_costs_only_its_message(charset: str) -> None:
    kind = f"Content-Type: application/vscode-jsonrpc; charset={charset}"
    check(header(len(A), kind) + A + FB, "header", B)
    check(header(len(A), "Content-Type: application/vscode-jsonrpc; charset=utf8") + A, A)
