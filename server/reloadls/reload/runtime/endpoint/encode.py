"""JSON-RPC messages and reports as bytes and plain data, as in docs/protocol.md.

Not `reloadls.protocol`, which is made for services and takes longer to import than many programs take to start.
"""

from __future__ import annotations

import json
import os
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from reloadls.reload.report import ModuleReport, Note, ReloadReport, ReportError, SourceLocation

__all__ = ["MAX_BODY", "InvalidMessage", "Framer", "frame", "from_uri", "report_to_wire", "to_uri"]

MAX_BODY: Final = 1024 * 1024
"""The maximum size of a message, in bytes."""
_MAX_HEADER: Final = 8 * 1024


Json = dict[str, Any]


class InvalidMessage(Exception):
    """The bytes are not a valid message; the rest of the stream can't be parsed."""


def frame(message: Json) -> bytes:
    """Return the message with its header, ready to send."""
    body = json.dumps(message, separators=(",", ":"), ensure_ascii=True).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class Framer:
    """Splits a stream of bytes into message bodies."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the bodies that `data` completes.

        Raises:
            InvalidMessage: the header is invalid, or the message is too long.
        """
        self._rest += data
        bodies = []
        while (body := self._next()) is not None:
            bodies.append(body)
        return bodies

    def _next(self) -> bytes | None:
        end = self._rest.find(b"\r\n\r\n")
        if end > _MAX_HEADER or (end < 0 and len(self._rest) > _MAX_HEADER):
            raise InvalidMessage(f"header too long: more than {_MAX_HEADER} bytes")
        if end < 0:
            return None
        start, length = end + 4, _length(bytes(self._rest[:end]))
        if len(self._rest) < start + length:
            return None
        body = bytes(self._rest[start : start + length])
        del self._rest[: start + length]
        return body


def _length(header: bytes) -> int:
    for line in header.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        digits = value.strip()
        if not colon:
            break
        if name.strip().lower() == b"content-length" and digits.isdigit():
            if len(digits) > 9 or int(digits) > MAX_BODY:
                raise InvalidMessage(f"message too long: more than {MAX_BODY} bytes")
            return int(digits)
    raise InvalidMessage("header without Content-Length")


def to_uri(path: str) -> str:
    """Return the `file://` URI of an absolute path, encoded as the service encodes it."""
    return "file://" + quote(os.fsencode(path), safe="/~")


def from_uri(uri: str) -> str:
    """Return the path of a `file://` URI.

    Raises:
        ValueError: it is not a `file://` URI of a local path.
    """
    head, rest = uri[:7].lower(), uri[7:]
    if head != "file://" or "?" in rest or "#" in rest:
        raise ValueError("must be a file:// URI")
    host, slash, path = rest.partition("/")
    if host.lower() not in ("", "localhost") or not slash:
        raise ValueError("must name a file on this machine")
    try:
        raw = unquote_to_bytes("/" + path)
    except UnicodeEncodeError:
        raise ValueError("must be Unicode text") from None
    if b"\0" in raw:
        raise ValueError("must not contain NUL")
    return os.fsdecode(raw)


def report_to_wire(report: ReloadReport) -> Json:
    """Return a report as it is sent to clients."""
    encoded: Json = {
        "target": report.target,
        "clock": report.clock,
        "at": report.at,
        "durationMs": report.duration_ms,
        "status": report.status,
        "modules": [_module(module) for module in report.modules],
        "sessions": {
            "rebound": report.sessions.rebound,
            "pinned": report.sessions.pinned,
            "failed": report.sessions.failed,
        },
    }
    if report.error is not None:
        encoded["error"] = _error(report.error)
    if report.notes:
        encoded["notes"] = [_note(note) for note in report.notes]
    return encoded


def _module(module: ModuleReport) -> Json:
    encoded: Json = {
        "name": _text(module.name),
        "uri": to_uri(module.path),
        "status": module.status,
        "changed": [_text(name) for name in module.changed],
    }
    return encoded if module.reason is None else {**encoded, "reason": _text(module.reason)}


def _note(note: Note) -> Json:
    encoded: Json = {"code": note.code, "message": _text(note.message)}
    if note.location is not None:
        encoded["uri"] = to_uri(note.location.path)
        encoded["range"] = _range(note.location)
    return encoded if note.name is None else {**encoded, "name": _text(note.name)}


def _error(error: ReportError) -> Json:
    encoded: Json = {"type": _text(error.type), "message": _text(error.message)}
    if error.location is not None:
        encoded["uri"] = to_uri(error.location.path)
        encoded["range"] = _range(error.location)
    if error.traceback is not None:
        encoded["traceback"] = _text(error.traceback)
    return encoded


def _range(location: SourceLocation) -> Json:
    """Return an LSP range: lines from 0, columns in UTF-16 units. Without an end it reaches to the end of the line."""
    last = location.end_line or location.line
    from .source_lines import first_lines  # noqa: PLC0415 - only needed after a failure

    lines = first_lines(location.path, max(location.line, last))
    first_line, last_line = _at(lines, location.line), _at(lines, last)
    start = _units(first_line, location.column)
    end = _units(last_line, len(last_line) if location.end_column is None else location.end_column)
    if last == location.line:
        end = max(end, start)
    return {
        "start": {"line": max(location.line - 1, 0), "character": start},
        "end": {"line": max(last - 1, 0), "character": end},
    }


def _at(lines: list[str], number: int) -> str:
    return lines[number - 1] if 0 < number <= len(lines) else ""


def _units(line: str, column: int) -> int:
    """Return how many UTF-16 units precede a column that counts characters."""
    before = line[:column]
    return column + sum(character > "\uffff" for character in before)


def _text(text: str) -> str:
    """Return text that every JSON reader accepts: lone surrogates, as in names that are not UTF-8, become `?`."""
    return text.encode("utf-8", "replace").decode()
