"""Whatever comes, in whatever pieces, goes out as it came."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from reloadls.protocol import frame
from reloadls.proxy.messages import Message, MessageStream

BODIES = st.lists(st.binary(max_size=60), max_size=6)
SCRAPS = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"Content-Length: 5",
        b"Content-Length: x\r\n",
        b"content-length:3\n\n",
        b"{}",
        b"a: b\r\n",
        b"\xff\x00",
    ]
)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[begin:end] for begin, end in itertools.pairwise(places)]


@given(bodies=BODIES, cuts=st.lists(st.integers(0, 1000)), held=st.sampled_from([0, 10, 1000]))
def test_messages_are_found_however_they_are_cut(bodies: list[bytes], cuts: list[int], held: int) -> None:
    data = b"".join(map(frame, bodies))
    stream = MessageStream(held)
    out = [piece for part in pieces(data, cuts) for piece in stream.feed(part)]
    assert b"".join(piece.raw for piece in out) == data
    whole = [piece.body for piece in out if isinstance(piece, Message)]
    assert whole == [body for body in bodies if len(body) <= held]
    assert stream.end() == b""


@given(scraps=st.lists(st.one_of(SCRAPS, st.binary(max_size=20), st.builds(frame, st.binary(max_size=20)))),
       cuts=st.lists(st.integers(0, 1000)))  # fmt: skip
def test_nothing_is_lost_of_what_makes_no_sense(scraps: list[bytes], cuts: list[int]) -> None:
    data = b"".join(scraps)
    stream = MessageStream(10)
    out = b"".join(piece.raw for part in pieces(data, cuts) for piece in stream.feed(part))
    assert out + stream.end() == data


def test_giving_up_in_the_middle() -> None:
    stream = MessageStream()
    assert stream.feed(b"Content-Length: 5\r\n\r\n{") == []
    assert stream.give_up() == b"Content-Length: 5\r\n\r\n{"
    assert [piece.raw for piece in stream.feed(b"}   anything")] == [b"}   anything"]
