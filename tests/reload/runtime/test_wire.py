"""Messages on the socket are valid for the service."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from lsprotocol.types import Position, Range

from reloadls.protocol import from_uri as service_from_uri
from reloadls.protocol import make_converter, structure_params
from reloadls.protocol import to_uri as service_uri
from reloadls.protocol.report import ReloadReport as WireReport
from reloadls.reload.report import (
    ModuleReport,
    Note,
    NoteCode,
    ReloadReport,
    ReportError,
    SessionCounts,
    SourceLocation,
)
from reloadls.reload.runtime.endpoint.encode import (
    MAX_BODY,
    Framer,
    InvalidMessage,
    frame,
    from_uri,
    report_to_wire,
    to_uri,
)
from reloadls.reload.runtime.live.console import note_lines
from reloadls.reload.runtime.live.reports import Reports
from reloadls.reload.runtime.supervision.channel import Channel
from reloadls.reload.runtime.supervision.handover import Handover
from reloadls.reload.runtime.supervision.link import Link

_PATHS = [
    "/",
    "/a b/c.py",
    "/ä/ß.py",
    "/a%20b",
    "/x~y-z_.py",
    "/weird/\udcff.py",
    "/q?/h#.py",
    "/emoji/😀.py",
    "/a:b@c",
]


@pytest.mark.parametrize("path", _PATHS)
def test_paths_have_the_same_uri_as_in_the_service(path: str) -> None:
    assert to_uri(path) == service_uri(path)
    assert from_uri(to_uri(path)) == path == service_from_uri(to_uri(path))


@pytest.mark.parametrize(
    "uri", ["", "x", "http://a/b", "file://host/a", "file:///a?b", "file:///a#b", "file:///%00", "file:x"]
)
def test_uris_without_a_local_path_are_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="must"):
        from_uri(uri)


def test_messages_are_assembled_from_any_chunks() -> None:
    data = frame({"a": "ä"}) + frame({}) + b"content-length:2\r\nX: y\r\n\r\n[]"
    for size in (1, 2, 7, len(data)):
        framer = Framer()
        bodies = [body for i in range(0, len(data), size) for body in framer.feed(data[i : i + size])]
        assert bodies == [b'{"a":"\\u00e4"}', b"{}", b"[]"]


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Length: x\r\n\r\n",
        b"X: y\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"x" * 9000,
        b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1),
        b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
    ],
)
def test_invalid_messages_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidMessage):
        Framer().feed(data)


def _decoded(report: ReloadReport) -> WireReport:
    structured: WireReport = structure_params(make_converter(), report_to_wire(report), WireReport)
    return structured


def test_a_report_is_encoded_completely(tmp_path: Path) -> None:
    path = tmp_path / "a ä.py"
    decoded = _decoded(
        ReloadReport(
            status="reloaded",
            at="2026-01-01T00:00:00.000Z",
            duration_ms=1.5,
            modules=(ModuleReport(name="a", path=str(path), status="reloaded", changed=("f", "C.g")),),
            sessions=SessionCounts(rebound=1, pinned=2, failed=3),
            target="7",
            clock="r:1",
        )
    )
    assert (decoded.target, decoded.clock, decoded.status, decoded.duration_ms) == ("7", "r:1", "reloaded", 1.5)
    assert decoded.modules[0].uri == service_uri(str(path))
    assert decoded.modules[0].changed == ("f", "C.g")
    assert (decoded.sessions.rebound, decoded.sessions.pinned, decoded.sessions.failed) == (1, 2, 3)
    assert decoded.notes == ()


def test_a_note_has_its_location_on_the_wire(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("def main():\n    while True: ...\n")
    notes = (
        Note(code="stillRunning", message="main goes on", location=SourceLocation(path=str(path), line=2), name="main"),
        Note(code="later", message="the next process \udc80"),
    )
    report = ReloadReport(status="reloaded", at="2026-01-01T00:00:00.000Z", duration_ms=1.5, notes=notes)
    placed, general = _decoded(report).notes
    assert (placed.code, placed.message, placed.name, placed.uri) == (
        "stillRunning",
        "main goes on",
        "main",
        service_uri(str(path)),
    )
    assert placed.range == Range(Position(1, 0), Position(1, 19))
    assert (general.code, general.message, general.uri, general.range) == ("later", "the next process ?", None, None)


def test_the_terminal_shows_one_line_for_each_note(tmp_path: Path) -> None:
    notes = tuple(
        Note(
            code="notUndone",
            message=f"number {number}\x1b[2J",
            location=SourceLocation(path=str(tmp_path / "a.py"), line=number),
        )
        for number in range(1, 13)
    )
    report = ReloadReport(status="reloaded", at="", duration_ms=1.5, notes=notes)
    first, *rest = note_lines(report, str(tmp_path))
    assert first == "notUndone: a.py:1: number 1 [2J"
    assert (len(rest), rest[-1]) == (10, "2 more notes; see reloadls status")
    assert list(note_lines(ReloadReport(status="reloaded", at="", duration_ms=1.5), str(tmp_path))) == []


def test_a_report_with_a_note_is_news() -> None:
    note = Note(code="notFollowed", message="a file")
    reports = Reports()
    assert not reports.add(ReloadReport(status="unchanged", at="", duration_ms=1.0))[1]
    assert reports.add(ReloadReport(status="unchanged", at="", duration_ms=1.0, notes=(note,)))[1]


@pytest.mark.parametrize("code", ["stillRunning", "stillHeld", "notUndone", "later", "notFollowed"])
def test_a_note_restarts_unless_its_code_is_kept(code: NoteCode) -> None:
    note = ReloadReport(status="reloaded", at="", duration_ms=1.0, notes=(Note(code=code, message=""),))
    bare = ReloadReport(status="reloaded", at="", duration_ms=1.0)
    required = ReloadReport(status="restartRequired", at="", duration_ms=1.0)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        channel = Channel(ours)
        link = Link(channel, Handover(channel, {}), os.getpid(), 1.0)
        keeps = Link(channel, Handover(channel, {}), os.getpid(), 1.0, keep=[code])
        assert link.restarts_for(note) == (code not in ("later", "notFollowed"))
        assert not keeps.restarts_for(note)
        assert keeps.restarts_for(required)
        assert not link.restarts_for(bare)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ((1, 0, None, None), ((0, 0), (0, 9))),
        ((2, 4, 2, 5), ((1, 5), (1, 6))),  # the character before column 4 has two UTF-16 units
        ((2, 4, None, None), ((1, 5), (1, 7))),
        ((1, 3, 3, 2), ((0, 3), (2, 2))),
        ((9, 4, None, None), ((8, 4), (8, 4))),  # beyond the end of the file
    ],
)
def test_columns_are_encoded_in_utf16(
    tmp_path: Path, location: tuple[int, int, int | None, int | None], expected: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = 'ä'  \n'😀' + y\nzzz\n".replace("+ y", "+y"), encoding="utf-8")
    line, column, end_line, end_column = location
    where = SourceLocation(path=str(path), line=line, column=column, end_line=end_line, end_column=end_column)
    error = ReportError(type="E", message="\udcff", location=where)
    decoded = _decoded(ReloadReport(status="failed", at="2026-01-01T00:00:00.000Z", duration_ms=0, error=error))
    assert decoded.error is not None
    assert decoded.error.range is not None
    found = decoded.error.range
    assert ((found.start.line, found.start.character), (found.end.line, found.end.character)) == expected
    assert decoded.error.message == "?"
