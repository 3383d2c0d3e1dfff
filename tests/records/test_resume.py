"""Streams that continue from a clock: in one process, across restarts, and where that is not possible."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from reloadls.records import RecordHub, RecordStream
from reloadls.records.events import NOWHERE
from reloadls.records.resume.history import CHANGES_KEPT, History
from reloadls.records.states.state import Change, RecordState
from tests.records.support import FakeClock, Picture, opened, put, shape


async def test_what_changed_in_between_comes_first(tmp_path: Path) -> None:
    folder, state = tmp_path / "r", tmp_path / "state"
    for name in ("kept", "gone", "changed", "leaves"):
        put(folder, "tasks", name, {"status": "open", "n": 1})
    async with opened(folder, state=state, where=["status=open"]) as stream:
        since = stream.take()[-1].clock
    (folder / "tasks/gone.json").unlink()
    put(folder, "tasks", "changed", {"status": "open", "n": 2})
    put(folder, "tasks", "leaves", {"status": "done"})
    put(folder, "tasks", "new", {"status": "open"})
    put(folder, "tasks", "other", {"status": "done"})
    for _ in range(2):  # the clock stays good
        async with opened(folder, state=state, where=["status=open"], since=since) as stream:
            events = stream.take()
        assert shape(events) == [
            ("added", "tasks/new"), ("removed", "tasks/gone"), ("removed", "tasks/leaves"),
            ("modified", "tasks/changed"),
        ]  # fmt: skip
        assert events[1].data == {"status": "open", "n": 1}
    async with opened(folder, state=state, where=["status=open"], since=events[-1].clock) as stream:
        assert stream.take() == []


async def test_a_stream_that_ends_between_two_events_of_a_flush_misses_none(tmp_path: Path) -> None:
    folder, state = tmp_path / "r", tmp_path / "state"
    async with opened(folder, state=state, debounce_ms=2000) as stream:
        put(folder, "tasks", "0", {})
        await stream.sync()
        picture = Picture()
        picture.apply(stream.take())
        for number in range(1, 9):
            put(folder, "tasks", str(number), {})
        await stream.sync()
        picture.apply(stream.take(3))
    for _ in range(2):
        async with opened(folder, state=state, since=picture.clock) as stream:
            picture.apply(stream.take())
    assert sorted(name for _, name in picture.records) == [str(number) for number in range(9)]


async def test_a_stream_that_ends_within_the_snapshot_begins_anew(tmp_path: Path) -> None:
    folder, state = tmp_path / "r", tmp_path / "state"
    for number in range(5):
        put(folder, "tasks", str(number), {})
    async with opened(folder, state=state) as stream:
        events = stream.take(3)
        assert [event.clock for event in events] == [NOWHERE] * 3
        assert stream.clock == NOWHERE
    async with opened(folder, state=state, since=events[-1].clock) as stream:
        assert [event.event_type for event in stream.take()] == ["reset", *["snapshot"] * 5]


async def test_the_last_good_state_outlives_a_restart(tmp_path: Path) -> None:
    clock, folder, state = FakeClock(), tmp_path / "r", tmp_path / "state"
    put(folder, "tasks", "a", {"n": 1})
    async with opened(folder, clock=clock, state=state) as stream:
        since = stream.take()[-1].clock
    put(folder, "tasks", "a", "{")
    async with opened(folder, clock=clock, state=state, since=since) as stream:
        assert stream.take() == []
        clock.advance(1)
        await stream.sync()
        (event,) = stream.take()
        assert event.event_type == "invalid"
    async with opened(folder, clock=clock, state=state, since=event.clock) as stream:
        clock.advance(1)
        await stream.sync()
        assert stream.take() == []
        (folder / "tasks/a.json").unlink()
        await stream.sync()
        (event,) = stream.take()
        assert (event.event_type, event.data) == ("removed", {"n": 1})


async def test_of_two_processes_one_keeps_state_and_the_other_says_reset(tmp_path: Path) -> None:
    folder, state = tmp_path / "r", tmp_path / "state"
    put(folder, "tasks", "a", {"n": 1})
    async with opened(folder, state=state) as one, opened(folder, state=state) as other:
        assert shape(one.take()) == shape(other.take())
        clock = other.clock
    async with opened(folder, state=state, since=clock) as stream:
        assert shape(stream.take()) == [("reset", ""), ("snapshot", "tasks/a")]


async def test_the_state_is_private(tmp_path: Path) -> None:
    folder, state = tmp_path / "r", tmp_path / "state"
    put(folder, "tasks", "a", {"n": 1})
    before = os.umask(0)
    try:
        async with opened(folder, state=state) as stream:
            stream.take()
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in state.iterdir()}
    finally:
        os.umask(before)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert all(mode & 0o077 == 0 for name, mode in modes.items() if ".sqlite" in name), modes


@pytest.mark.parametrize("damage", ["text", "tables", "truncated"])
async def test_a_damaged_state_file_is_renamed_and_the_stream_begins_anew(tmp_path: Path, damage: str) -> None:
    folder, state = tmp_path / "r", tmp_path / "state"
    put(folder, "tasks", "a", {"n": 1})
    async with opened(folder, state=state) as stream:
        since = stream.take()[-1].clock
    (file,) = state.glob("*.sqlite")
    if damage == "text":
        file.write_text("not a database " * 100)
    elif damage == "tables":
        with sqlite3.connect(file) as connection:
            connection.execute("DROP TABLE changes")
        connection.close()
    else:
        os.truncate(file, file.stat().st_size // 2)
    async with opened(folder, state=state, since=since) as stream:
        assert shape(stream.take()) == [("reset", ""), ("snapshot", "tasks/a")]
        assert [problem.code for problem in stream.status.problems] == ["stateFailed"]
    assert list(state.glob("*.damaged-1"))


async def test_a_state_folder_that_can_not_be_used_is_a_problem_and_no_end(tmp_path: Path) -> None:
    folder, state = tmp_path / "r", tmp_path / "state"
    state.write_text("a file")
    put(folder, "tasks", "a", {"n": 1})
    async with opened(folder, state=state) as stream:
        assert shape(stream.take()) == [("snapshot", "tasks/a")]
        assert [problem.code for problem in stream.status.problems] == ["stateFailed"]
        put(folder, "tasks", "b", {})
        await stream.sync()
        assert shape(stream.take()) == [("added", "tasks/b")]


async def test_streams_of_one_loop_share_their_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    put(tmp_path / "r", "tasks", "a", {})
    async with RecordStream(tmp_path / "r") as one, RecordStream(tmp_path / "r", kinds=["task"]) as other:
        assert shape(one.take()) == shape(other.take())
        assert len(RecordHub.of_loop().feeds) == 1
        since = one.clock
    assert RecordHub.of_loop().feeds == []
    async with RecordStream(tmp_path / "r", since=since) as again:
        assert again.take() == []


def test_the_history_has_a_bound() -> None:
    history = History()
    first = history.clock
    state = RecordState(None, b"", size=4000)
    for number in range(3 * CHANGES_KEPT):
        history.add(history.draft([Change(("k", str(number)), state, state)]))
    assert history.since(first) is None
    assert len(history.since(f"c:{history.epoch}:{history.number - 100}") or ()) == 100
    assert history.number - history.oldest < CHANGES_KEPT
