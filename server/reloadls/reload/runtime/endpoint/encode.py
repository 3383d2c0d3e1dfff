"""JSON-RPC messages and reports as bytes and plain data, as in docs/protocol.md.

Not `reloadls.protocol`, which is made for services and takes longer to import than many programs take to start.
"""

from __future__ import annotations

import json
import os
from typing import Any, Final

from reloadls.reload.report import ModuleReport, Note, ReloadReport, ReportError, SourceLocation
from reloadls.wire import framing
from reloadls.wire.uris import from_uri, to_uri

__all__ = ["MAX_BODY", "InvalidMessage", "Framer", "frame", "from_uri", "report_to_wire", "to_uri"]

MAX_BODY: Final = 1024 * 1024
"""The maximum size of a message, in bytes."""


Json = dict[str, Any]


class InvalidMessage(Exception):
    """The peer sent an invalid message; nothing after it can be trusted."""


def frame(message: Json) -> bytes:
    """Return a message with its header."""
    return framing.frame(json.dumps(message, separators=(",", ":"), ensure_ascii=True).encode())


class Framer:
    """Splits a byte stream into the bodies of messages."""

    def __init__(self) -> None:
        self._framer = framing.Framer(MAX_BODY)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the bodies that `data` completes.

        Raises:
            InvalidMessage: the stream is damaged, or a message is too large.
        """
        bodies = []
        for event in self._framer.feed(data):
            if not isinstance(event, framing.Frame):
                raise InvalidMessage(event.reason)
            bodies.append(event.body)
        return bodies


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
        "uri": _uri(module.path),
        "status": module.status,
        "changed": [_text(name) for name in module.changed],
    }
    return encoded if module.reason is None else {**encoded, "reason": _text(module.reason)}


def _note(note: Note) -> Json:
    encoded: Json = {"code": note.code, "message": _text(note.message)}
    if note.location is not None:
        encoded["uri"] = _uri(note.location.path)
        encoded["range"] = _range(note.location)
    return encoded if note.name is None else {**encoded, "name": _text(note.name)}


def _error(error: ReportError) -> Json:
    encoded: Json = {"type": _text(error.type), "message": _text(error.message)}
    if error.location is not None:
        encoded["uri"] = _uri(error.location.path)
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


def _uri(path: str) -> str:
    """Return the URI of a source file, whose name need not be an absolute path, as for `<string>`."""
    return to_uri(os.path.abspath(path))
