"""Where does a message begin and end? Bytes to whole messages, without losing or changing one byte.

Unlike `protocol.framing`, which must understand what comes, this must above all pass it on: what can't be read is
handed out as it came, as `Noise`, and reading goes on at the next thing that looks like a header.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["HELD", "Message", "MessageStream", "Noise", "Part", "Piece", "framed", "message_of"]

HELD: Final = 8 * 1024 * 1024
"""Bodies up to so many bytes are handed out whole; larger ones in parts, as they come, and are never looked into."""

_MAX_HEADER: Final = 8 * 1024
_HEADER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*:")
_NAME_ENDS = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]\Z")
_LENGTH = re.compile(rb"content-length[ \t]*:[ \t]*([0-9]{1,18})\s*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """One whole message as it came, with its header; the body begins at `start`."""

    raw: bytes
    start: int

    @property
    def body(self) -> bytes:
        """The message without its header."""
        return self.raw[self.start :]


@dataclass(frozen=True, slots=True)
class Part:
    """Some bytes of a message that is too large to be held; `last` says whether they are its last ones."""

    raw: bytes
    last: bool


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes that belong to no message."""

    raw: bytes


Piece = Message | Part | Noise


def framed(body: bytes) -> bytes:
    """`body` with its header before it."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def message_of(body: bytes) -> Message:
    """The message that has this body."""
    raw = framed(body)
    return Message(raw, len(raw) - len(body))


class MessageStream:
    """Takes what arrives, in pieces of any size, and gives what is complete; all that is given, put together, is all
    that was taken.

    It holds no more than one header and one body of `held` bytes.
    """

    def __init__(self, held: int = HELD) -> None:
        self._held = held
        self._state: Literal["header", "body", "parts", "plain"] = "header"
        self._rest = bytearray()
        self._pos = 0  # up to where `_rest` is given out
        self._line = 0  # where the header line begins that is read next
        self._length: int | None = None
        self._left = 0  # bytes of a message given in parts that are still to come

    def feed(self, data: bytes) -> list[Piece]:
        """Take the next bytes and return what can be given out now."""
        if self._state in ("plain", "parts") and not self._rest:
            if self._state == "plain":
                return [Part(data, True)]
            if len(data) <= self._left:  # the middle of something large: not even copied
                return [self._part(data)]
        self._rest += data
        pieces = list(self._pieces())
        del self._rest[: self._pos]
        self._line -= self._pos
        self._pos = 0
        return pieces

    def end(self) -> bytes:
        """All that is held: no more is to come, or nobody cares about messages any longer."""
        held = bytes(self._rest)
        self._rest.clear()
        self._pos = self._line = 0
        self._state, self._length = "header", None
        return held

    def give_up(self) -> bytes:
        """From now on everything is given out as it comes; what is held is returned."""
        held = self.end()
        self._state = "plain"
        return held

    def _pieces(self) -> Iterator[Piece]:
        while True:
            piece = self._step()
            if piece is None:
                return
            if piece.raw:
                yield piece

    def _step(self) -> Piece | None:
        if self._state == "header":
            noise = self._read_header()
            if noise is not None or self._state == "header":
                return noise
        if self._state == "parts":
            return self._next_part()
        if self._state == "plain":  # somebody gave up meanwhile
            return None
        return self._whole()

    def _read_header(self) -> Noise | None:
        """Read lines up to the one that ends the header; give out what can't be part of one."""
        while (end := self._rest.find(b"\n", self._line)) >= 0:
            line = bytes(self._rest[self._line : end + 1])
            if not line.strip():
                self._line = end + 1
                if self._length is None:
                    return self._noise(self._line)
                self._begin_body()
                return None
            found = _LENGTH.search(line)
            if found is not None and _NAME_ENDS.search(line, 0, found.start()):
                found = None  # X-Content-Length is another header
            elif found is not None and found.start() and not line[: found.start()].isspace():
                # The last message's stated length was too short, and the rest of it is on this line.
                return self._noise(self._line + found.start())
            if found is None and not _HEADER.match(line.lstrip()):
                return self._noise(end + 1)
            if found is not None:
                self._length = int(found[1])
            self._line = end + 1
        return self._noise(len(self._rest)) if len(self._rest) - self._pos > _MAX_HEADER else None

    def _begin_body(self) -> None:
        assert self._length is not None
        if self._length <= self._held:
            self._state = "body"
        else:
            self._state, self._left = "parts", self._line - self._pos + self._length

    def _whole(self) -> Message | None:
        assert self._length is not None
        end = self._line + self._length
        if len(self._rest) < end:
            return None
        raw = bytes(memoryview(self._rest)[self._pos : end])
        start = self._line - self._pos
        self._begin_anew(end)
        return Message(raw, start)

    def _next_part(self) -> Part | None:
        size = min(self._left, len(self._rest) - self._pos)
        if not size:
            return None
        raw = bytes(memoryview(self._rest)[self._pos : self._pos + size])
        self._pos = self._line = self._pos + size
        return self._part(raw)

    def _part(self, raw: bytes) -> Part:
        self._left -= len(raw)
        if not self._left:
            self._state, self._length = "header", None
        return Part(raw, not self._left)

    def _noise(self, end: int) -> Noise:
        raw = bytes(memoryview(self._rest)[self._pos : end])
        self._begin_anew(end)
        return Noise(raw)

    def _begin_anew(self, at: int) -> None:
        self._pos = self._line = at
        self._state, self._length = "header", None
