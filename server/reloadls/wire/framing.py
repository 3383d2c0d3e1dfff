"""Parse and write LSP's base protocol (`Content-Length: N`, blank line, N bytes), without I/O.

Parsing survives a damaged stream. Unreadable input yields one `FramingError` and is dropped; parsing resumes at the
next text that looks like a header. This is safe without trusting any stated length, for two reasons. A header line
contains a raw line end, and JSON text can't contain one inside a string, nor `Content-Length:` outside of one. So a raw
header *inside* a body proves that the stated length was wrong, and the body ends there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from .text import show

__all__ = ["MAX_BODY", "Frame", "Framer", "FramingError", "frame"]

MAX_BODY: Final = 64 * 1024 * 1024
"""The largest message that is accepted, in bytes."""

_MAX_HEADER: Final = 8 * 1024
"""The largest header block that is accepted, in bytes; also how far back to search for a header inside a body."""

_LENGTH_LINE: Final = rb"content-length[ \t]*:[ \t]*[0-9]+[ \t]*\r?\n"
_LENGTH_START: Final = rb"(?i)content-length[ \t]*(?::[ \t]*[0-9]*[ \t]*\r?\n?\r?)?"
_TAIL: Final = 64
_WORD_OVERLAP: Final = len(b"content-length") - 1
_BLANK: Final = rb"\n\r?\n"
_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_CHARSET: Final = rb"(?i);[ \t]*charset[ \t]*=[ \t]*\"?([^\";\s]*)"
_NAME: Final = _TOKEN
_UNFINISHED: Final = rb"(?s)[!#$%&'*+.^_`|~0-9A-Za-z-]*[ \t]*(:.*)?\r?"
_NEXT_LENGTH: Final = rb"(?i)" + _LENGTH_LINE
_GLUED: Final = rb"(?i)[^-](content-length)$"
_LENGTH_WORD: Final = rb"(?i)content-length"
_HEADER_LINE: Final = _TOKEN + rb":"
_TYPE_LINE: Final = rb"(?i)content-type[ \t]*:[^\n]*\n\Z"


@cache
def _pattern(pattern: bytes) -> re.Pattern[bytes]:
    """Compile a pattern on first use: running programs import this module at their start."""
    return re.compile(pattern)


@dataclass(frozen=True, slots=True)
class Frame:
    """One message's body, complete according to its length."""

    body: bytes


@dataclass(frozen=True, slots=True)
class FramingError:
    """Input between messages that can't be parsed and is dropped.

    `kind` is `header` for a bad or missing length, `size` for a message over the limit, and `garbage` for bytes that
    belong to no message, as after a message whose stated length was too short.
    """

    kind: Literal["header", "size", "garbage"]
    reason: str


def frame(body: bytes) -> bytes:
    """Return a body with its header, ready to be written in one piece."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class Framer:
    """Incremental parser: feed it input in pieces of any size; it returns complete messages.

    It buffers at most one body (up to `max_body` bytes) and one header block.
    """

    def __init__(self, max_body: int = MAX_BODY) -> None:
        self._max_body = max_body
        self._state: Literal["header", "body", "lost"] = "header"
        self._rest = bytearray()  # input that is not parsed yet; bounded in `header` and `lost`
        self._pos = 0  # how much of `_rest` is parsed
        self._length: int | None = None  # of the message whose header is being read
        self._header_size = 0
        self._refused: FramingError | None = None  # why the message whose header is being read is rejected
        self._scanned = 0  # how much of the current body contains no header
        self._word = -1  # where a header may begin in it: the first Content-Length that no blank line has followed
        self._messages = 0

    def feed(self, data: bytes) -> list[Frame | FramingError]:
        """Parse the next bytes and return the messages and errors that they complete, in order."""
        self._rest += data
        events = list(self._events())
        del self._rest[: self._pos]
        self._scanned = max(0, self._scanned - self._pos)
        self._word = max(-1, self._word - self._pos)
        self._pos = 0
        return events

    def _events(self) -> Iterator[Frame | FramingError]:
        steps = {"header": self._read_header_line, "body": self._read_body, "lost": self._find_header}
        more = True
        while more:
            before = (self._state, self._pos)
            event = steps[self._state]()
            if event is not None:
                yield event
            more = (self._state, self._pos) != before

    def _read_header_line(self) -> Frame | FramingError | None:
        end = self._rest.find(b"\n", self._pos)
        if end < 0:
            return self._check_unfinished()
        line = bytes(self._rest[self._pos : end + 1]).strip()
        self._header_size += end + 1 - self._pos
        if self._header_size > _MAX_HEADER:
            return self._lose("header", f"a header of more than {_MAX_HEADER} bytes")
        if not line:
            self._pos = end + 1
            return self._end_header()
        name, colon, value = line.partition(b":")
        name = name.rstrip()
        if glued := _pattern(_GLUED).search(name):
            # A short length left the end of the last body on this line: `…}Content-Length: 5`.
            self._pos += glued.start(1)
            return self._lose("garbage", f"bytes outside of any message: {_quote(name)}")
        if not colon or not _pattern(_NAME).fullmatch(name):
            kind: Literal["header", "garbage"] = "garbage" if self._messages else "header"
            return self._lose(kind, f"no header, but {_quote(line)}")
        self._pos = end + 1
        if name.lower() == b"content-type":
            self._check_charset(value)
        return self._take_length(value.strip()) if name.lower() == b"content-length" else None

    def _check_charset(self, value: bytes) -> None:
        charset = _pattern(_CHARSET).search(value)
        if charset is not None and charset[1].lower() not in (b"utf-8", b"utf8"):
            self._refused = FramingError("header", f"charset must be utf-8, not {_quote(charset[1])}")

    def _check_unfinished(self) -> FramingError | None:
        """Reject an unfinished line at once if it can't become a header: its end may never arrive."""
        size = len(self._rest) - self._pos
        if self._header_size + size > _MAX_HEADER:
            return self._lose("header", f"a header of more than {_MAX_HEADER} bytes")
        start = bytes(self._rest[self._pos :])
        if not _pattern(_UNFINISHED).fullmatch(start):
            kind: Literal["header", "garbage"] = "garbage" if self._messages else "header"
            return self._lose(kind, f"no header, but {_quote(start)}")
        return None

    def _take_length(self, value: bytes) -> FramingError | None:
        if self._length is not None:
            return self._lose("header", "more than one Content-Length")
        if not value.isdigit():
            return self._lose("header", f"Content-Length must be a number of bytes, not {_quote(value)}")
        digits = value.lstrip(b"0") or b"0"
        if len(digits) > 18 or int(digits) > self._max_body:
            # Not skipped by its length: if the length is wrong, all later input would be lost.
            return self._lose("size", f"{_quote(digits)} bytes, over the limit of {self._max_body}")
        self._length = int(digits)
        return None

    def _end_header(self) -> FramingError | None:
        size, self._header_size = self._header_size, 0
        if self._length is not None:
            self._state = "body"
            self._scanned, self._word = self._pos, -1
            return None
        if size <= 2:
            return None  # ignore stray line ends between messages
        return self._lose("header", "a header without Content-Length")

    def _read_body(self) -> Frame | FramingError | None:
        length = self._length or 0
        cut = self._find_embedded(min(len(self._rest), self._pos + length))
        if cut is None and len(self._rest) - self._pos < length:
            return None
        end = self._pos + length if cut is None else cut
        end -= _next_header_size(bytes(self._rest[max(self._pos, end - _TAIL) : end]))
        body = bytes(memoryview(self._rest)[self._pos : end])
        self._pos, self._state, self._length = end, "header", None
        self._messages += 1
        refused, self._refused = self._refused, None
        return refused or Frame(body)

    def _find_embedded(self, limit: int) -> int | None:
        """Return where a header begins inside the current body, or None (see the module's docstring).

        Each byte is scanned a fixed number of times, because this runs on input of clients that are not authenticated
        yet.
        """
        while self._word >= 0 or self._find_word(limit):
            blank = _pattern(_BLANK).search(self._rest, max(self._word, self._scanned - 2), limit)
            if blank is None:
                break
            begin, end = max(self._word, blank.end() - _MAX_HEADER), blank.end()
            self._word, self._scanned = -1, end
            if (start := _find_length_line(bytes(self._rest[begin:end]))) is not None:
                return self._with_type_line(begin + start)
        self._scanned = limit
        return None

    def _find_word(self, limit: int) -> bool:
        word = _pattern(_LENGTH_WORD).search(self._rest, max(self._pos, self._scanned - _WORD_OVERLAP), limit)
        self._word = -1 if word is None else word.start()
        return word is not None

    def _with_type_line(self, start: int) -> int:
        """Return the start of the header whose Content-Length is at `start`: a Content-Type may precede it."""
        begin = max(self._pos, start - _MAX_HEADER)
        above = max(begin, self._rest.rfind(b"\n", begin, max(begin, start - 1)) + 1)
        line = _pattern(_TYPE_LINE).search(bytes(self._rest[above:start]))
        return start if line is None else above + line.start()

    def _lose(self, kind: Literal["header", "size", "garbage"], reason: str) -> FramingError:
        self._state, self._length, self._header_size, self._refused = "lost", None, 0, None
        return FramingError(kind, reason)

    def _find_header(self) -> None:
        match = _pattern(_NEXT_LENGTH).search(self._rest, self._pos)
        if match is not None:
            self._pos, self._state = match.start(), "header"
        elif len(self._rest) - self._pos > 256:
            # A header line may be incomplete here; input before that is not needed any more.
            self._pos = len(self._rest) - 128


def _find_length_line(block: bytes) -> int | None:
    """Return where the header begins that ends with the blank line at the end of `block`; None if none does.

    From its Content-Length on, each line belongs to the header. Text before that on the same line is the end of the
    body.
    """
    end = block.rfind(b"\n", 0, -1)  # of the last line before the blank one
    begin = block.rfind(b"\n", 0, end) + 1
    while begin > 0 and _pattern(_HEADER_LINE).match(block, begin, end):
        begin = block.rfind(b"\n", 0, begin - 1) + 1
    line = _pattern(_NEXT_LENGTH).search(block, begin)
    return None if line is None else line.start()


def _next_header_size(tail: bytes) -> int:
    """Return how many bytes at the end of a body belong to the next header."""
    extra = tail[tail.rfind(b"}") + 1 :]
    unfinished = b"content-length".startswith(extra.lower()) or _pattern(_LENGTH_START).fullmatch(extra)
    return len(extra) if extra and len(extra) < len(tail) and unfinished else 0


def _quote(data: bytes) -> str:
    return show(data[:40].decode("utf-8", "replace"))
