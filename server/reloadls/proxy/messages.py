"""Split a byte stream into messages, without losing or changing one byte.

Unlike `wire.framing`, which must understand its input, this must pass it on: unreadable bytes are returned unchanged,
as `Noise`, and reading continues at the next header.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["HELD", "Message", "MessageStream", "Noise", "Part", "Piece", "framed", "message_of"]

HELD: Final = 8 * 1024 * 1024
"""Bodies up to this many bytes are returned whole; larger ones in parts, which are not parsed."""

_MAX_HEADER: Final = 8 * 1024
_HEADER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*:")
_NAME_ENDS = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]\Z")
_LENGTH = re.compile(rb"content-length[ \t]*:[ \t]*([0-9]{1,18})\s*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """One whole message as received, with its header; the body begins at `start`."""

    raw: bytes
    start: int

    @property
    def body(self) -> bytes:
        """The message without its header."""
        return self.raw[self.start :]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a message that is too large to hold; `last` marks the last part."""

    raw: bytes
    last: bool


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes outside of any message."""

    raw: bytes


Piece = Message | Part | Noise


def framed(body: bytes) -> bytes:
    """Return `body` with a header."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def message_of(body: bytes) -> Message:
    """Return a message with this body."""
    raw = framed(body)
    return Message(raw, len(raw) - len(body))


class MessageStream:
    """Returns complete messages from input in chunks of any size. Its output, joined, equals its input.

    It buffers at most one header and one body.

    Args:
        held: the largest body, in bytes, that is returned whole.
    """

    def __init__(self, held: int = HELD) -> None:
        self._held = held
        self._state: Literal["header", "body", "parts", "plain"] = "header"
        self._rest = bytearray()
        self._pos = 0  # up to where `_rest` was returned
        self._line = 0  # where the next header line begins
        self._length: int | None = None
        self._left = 0  # missing bytes of a message that is returned in parts

    def feed(self, data: bytes) -> list[Piece]:
        """Add bytes and return the pieces that are complete."""
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
        """Return the buffered bytes and start anew: the input has ended."""
        held = bytes(self._rest)
        self._rest.clear()
        self._pos = self._line = 0
        self._state, self._length = "header", None
        return held

    def give_up(self) -> bytes:
        """Return the buffered bytes; from now on return input unchanged, without splitting it."""
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
        if self._state == "plain":  # `give_up` was called meanwhile
            return None
        return self._whole()

    def _read_header(self) -> Noise | None:
        """Read lines up to the end of the header; return bytes that can't belong to one."""
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
