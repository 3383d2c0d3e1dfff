"""Record streams on real files: what is an event, in which order, and what is none."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from reloadls.records import RecordEvent, RecordFolderError, RecordHub, RecordStream, remove, write
from tests.records.support import FakeClock, Picture, opened, put, shape

LAYOUT = {"kinds": ["tasks", "claims"]}


async def test_the_order_is_that_of_the_layout_and_of_the_ids(tmp_path: Path) -> None:
    for kind, name in (("claims", "b"), ("tasks", "z"), ("claims", "a"), ("tasks", "y"), ("others", "x")):
        put(tmp_path, kind, name, {"n": 0})
    async with opened(tmp_path, layout=LAYOUT) as stream:
        assert shape(stream.take()) == [("snapshot", name) for name in ("tasks/y", "tasks/z", "claims/a", "claims/b")]
        put(tmp_path, "tasks", "z", {"n": 1})
        put(tmp_path, "claims", "a", {"n": 1})
        put(tmp_path, "claims", "c", {})
        put(tmp_path, "tasks", "x", {})
        (tmp_path / "claims/b.json").unlink()
        (tmp_path / "tasks/y.json").unlink()
        await stream.sync()
        events = stream.take()
    assert len({(event.event_type, event.kind, event.id) for event in events}) == len(events) == 6
    # Written one after the other: whatever went into one flush is sorted.
    assert sorted(shape(events)) == sorted(
        [("added", "tasks/x"), ("added", "claims/c"), ("removed", "tasks/y"), ("removed", "claims/b"),
         ("modified", "tasks/z"), ("modified", "claims/a")]
    )  # fmt: skip


async def test_the_events_of_one_flush_are_sorted(tmp_path: Path) -> None:
    for name in ("m1", "m2", "r1", "r2"):
        put(tmp_path, "tasks", name, {"n": 0})
    async with opened(tmp_path, debounce_ms=5000) as stream:
        stream.take()
        for name in ("m2", "a2", "m1", "a1"):
            put(tmp_path, "tasks", name, {"n": 1})
        for name in ("r2", "r1"):
            (tmp_path / f"tasks/{name}.json").unlink()
        await stream.sync()
        events = stream.take()
    names = [
        ("added", "a1"),
        ("added", "a2"),
        ("removed", "r1"),
        ("removed", "r2"),
        ("modified", "m1"),
        ("modified", "m2"),
    ]
    assert [(event.event_type, event.id) for event in events] == names
    assert len({event.clock for event in events[:-1]}) == 1
    assert events[-1].clock != events[0].clock


async def test_what_is_no_record_is_left_alone(tmp_path: Path) -> None:
    put(tmp_path, "tasks", "a", {})
    (tmp_path / "top.json").write_text("{}")
    (tmp_path / "tasks/.hidden.json").write_text("{}")
    (tmp_path / "tasks/b.json~").write_text("{}")
    (tmp_path / "tasks/c.txt").write_text("{}")
    (tmp_path / "tasks/new\nline.json").write_text("{}")
    (tmp_path / "tasks/folder.json").mkdir()
    put(tmp_path, "tasks/deeper", "d", {})
    put(tmp_path, ".kind", "e", {})
    os.mkfifo(tmp_path / "tasks/pipe.json")
    (Path(os.fsencode(tmp_path).decode()) / "tasks" / os.fsdecode(b"\xff.json")).write_text("{}")
    async with opened(tmp_path) as stream:
        assert shape(stream.take()) == [("snapshot", "tasks/a")]


@pytest.mark.parametrize("kind", ["node_modules", "venv", "__pycache__", "CVS"])
async def test_a_kind_may_be_called_as_what_watchers_ignore(tmp_path: Path, kind: str) -> None:
    (tmp_path / ".gitignore").write_text("*\n")
    async with opened(tmp_path) as stream:
        put(tmp_path, kind, "a", {})
        await stream.sync()
        assert shape(stream.take()) == [("added", f"{kind}/a")]


async def test_a_folder_may_come_later_go_and_come_back(tmp_path: Path) -> None:
    folder = tmp_path / "above" / "records"
    async with opened(folder) as stream:
        assert stream.take() == []
        for _ in range(2):
            put(folder, "tasks", "a", {"n": 1})
            await stream.sync()
            assert shape(stream.take()) == [("added", "tasks/a")]
            shutil.rmtree(folder)
            await stream.sync()
            (event,) = stream.take()
            assert (event.event_type, event.data) == ("removed", {"n": 1})


async def test_the_same_data_written_again_is_no_event(tmp_path: Path) -> None:
    put(tmp_path, "tasks", "a", {"n": 1, "m": 2})
    async with opened(tmp_path) as stream:
        stream.take()
        put(tmp_path, "tasks", "a", '{"n": 1,\n "m": 2}\n')
        await stream.sync()
        assert stream.take() == []
        put(tmp_path, "tasks", "a", '{"n": 1.0, "m": 2}')
        await stream.sync()
        assert shape(stream.take()) == [("modified", "tasks/a")]
        put(tmp_path, "tasks", "a", '{"n": true, "m": 2}')
        await stream.sync()
        assert shape(stream.take()) == [("modified", "tasks/a")]


async def test_a_broken_document_is_reported_after_a_second_once_for_each_content(tmp_path: Path) -> None:
    clock = FakeClock()
    put(tmp_path, "tasks", "good", {"n": 1})
    async with opened(tmp_path, clock=clock) as stream:
        stream.take()
        put(tmp_path, "tasks", "good", '{"n": 2,')
        put(tmp_path, "tasks", "never", "[]")
        await stream.sync()
        clock.advance(0.9)
        await stream.sync()
        assert stream.take() == []
        clock.advance(0.1)
        await stream.sync()
        first = stream.take()
        assert shape(first) == [("invalid", "tasks/good"), ("invalid", "tasks/never")]
        assert first[0].data == {
            "file": "tasks/good.json", "line": 1, "column": 9,
            "reason": "it is not JSON: illegal trailing comma before end of object",
        } or first[0].data["reason"].startswith("it is not JSON: expecting property name")  # fmt: skip
        clock.advance(100)
        await stream.sync()
        assert stream.take() == []
        put(tmp_path, "tasks", "never", "[1]")
        await stream.sync()
        clock.advance(1)
        await stream.sync()
        assert shape(stream.take()) == [("invalid", "tasks/never")]  # another content
        put(tmp_path, "tasks", "good", {"n": 1})
        put(tmp_path, "tasks", "never", {"n": 2})
        await stream.sync()
        assert sorted(shape(stream.take())) == [("added", "tasks/never"), ("modified", "tasks/good")]


async def test_a_document_that_is_mended_in_time_is_no_event(tmp_path: Path) -> None:
    clock = FakeClock()
    put(tmp_path, "tasks", "a", {"n": 1})
    async with opened(tmp_path, clock=clock) as stream:
        stream.take()
        put(tmp_path, "tasks", "a", '{"n"')
        await stream.sync()
        clock.advance(0.5)
        put(tmp_path, "tasks", "a", {"n": 1})
        await stream.sync()
        clock.advance(10)
        await stream.sync()
        assert stream.take() == []


async def test_a_link_out_of_the_folder_is_never_followed(tmp_path: Path) -> None:
    clock, folder = FakeClock(), tmp_path / "records"
    secret = put(tmp_path, "elsewhere", "secret", {"password": "x"})
    put(folder, "tasks", "a", {"n": 1})
    (folder / "tasks/out.json").symlink_to(secret)
    (folder / "tasks/in.json").symlink_to("../tasks/a.json")
    (folder / "tasks/over.json").symlink_to(folder / "tasks/out.json")
    (folder / "tasks/nowhere.json").symlink_to("missing.json")
    async with opened(folder, clock=clock) as stream:
        assert shape(stream.take()) == [("snapshot", "tasks/a"), ("snapshot", "tasks/in")]
        clock.advance(1)
        await stream.sync()
        events = stream.take()
    assert shape(events) == [("invalid", "tasks/out"), ("invalid", "tasks/over")]
    assert events[0].data["reason"] == f"it is a link that leads out of the folder, to {secret}"
    assert "password" not in repr(events)


async def test_a_kind_that_is_a_link_is_refused_with_a_message(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    put(tmp_path, "elsewhere", "a", {"n": 1})
    put(folder, "tasks", "b", {"n": 1})
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    async with opened(folder) as stream:
        events = stream.take()
        assert shape(events) == [("snapshot", "tasks/b"), ("invalid", "linked/")]
        assert events[1].data["file"] == "linked"
        assert "a kind must be a real folder" in events[1].data["reason"]
        shutil.rmtree(folder / "tasks")
        (folder / "tasks").symlink_to(tmp_path / "elsewhere")
        await stream.sync()
        assert shape(stream.take()) == [("removed", "tasks/b"), ("invalid", "tasks/")]
        (folder / "tasks").unlink()
        put(folder, "tasks", "c", {})
        await stream.sync()
        assert shape(stream.take()) == [("added", "tasks/c")]


async def test_a_slow_reader_receives_the_net_change(tmp_path: Path) -> None:
    put(tmp_path, "tasks", "kept", {"n": 0})
    put(tmp_path, "tasks", "gone", {"n": 0})
    async with opened(tmp_path) as stream:
        stream.take()
        for number in range(20):
            put(tmp_path, "tasks", "kept", {"n": number})
            put(tmp_path, "tasks", f"passing-{number}", {})
            put(tmp_path, "tasks", "back", {"n": number})
            await stream.sync()
            (tmp_path / f"tasks/passing-{number}.json").unlink()
        (tmp_path / "tasks/gone.json").unlink()
        await stream.sync()
        events = stream.take()
        assert shape(events) == [("added", "tasks/back"), ("removed", "tasks/gone"), ("modified", "tasks/kept")]
        assert [event.data for event in events] == [{"n": 19}, {"n": 0}, {"n": 19}]


async def test_many_streams_share_the_reading(tmp_path: Path) -> None:
    for number in range(50):
        put(tmp_path, "tasks", f"t{number}", {"n": number})
    hub = RecordHub()
    streams = [RecordStream(tmp_path, hub=hub, where=[f"n={number % 50}"]) for number in range(200)]
    await asyncio.gather(*(stream.start() for stream in streams))
    (feed,) = hub.feeds
    assert (feed.scans, feed.parses) == (1, 50)
    put(tmp_path, "tasks", "t7", {"n": 8})
    await asyncio.gather(*(stream.sync() for stream in streams))
    assert feed.scans == 1
    assert feed.parses <= 53  # written in two steps, so it may be read before the second
    pictures = []
    for stream in streams:
        picture = Picture()
        picture.apply(stream.take())
        pictures.append(picture.records)
    assert [len(records) for records in pictures[:9]] == [1, 1, 1, 1, 1, 1, 1, 0, 2]
    for stream in streams:
        await stream.close()
    assert hub.feeds == []


async def test_a_stream_is_iterated_until_it_is_closed(tmp_path: Path) -> None:
    put(tmp_path, "tasks", "a", {})
    seen: list[RecordEvent] = []
    async with opened(tmp_path) as stream:
        async for event in stream:
            seen.append(event)
            break

        async def read() -> None:
            async for event in stream:
                seen.append(event)

        task = asyncio.create_task(read())
        put(tmp_path, "tasks", "b", {})
        await stream.sync()
        while len(seen) < 2:  # noqa: ASYNC110 - the reader's turn
            await asyncio.sleep(0)
        await stream.close()
        await task
    assert shape(seen) == [("snapshot", "tasks/a"), ("added", "tasks/b")]


async def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordFolderError, match="file is not a folder; must be one"):
        await RecordStream(tmp_path / "file", hub=RecordHub()).start()


async def test_written_records_appear_at_once_and_whole(tmp_path: Path) -> None:
    async with opened(tmp_path) as stream:
        write(tmp_path, "tasks", "a", {"n": 1})
        await stream.sync()
        assert shape(stream.take()) == [("added", "tasks/a")]
        assert remove(tmp_path, "tasks", "a")
        await stream.sync()
        assert shape(stream.take()) == [("removed", "tasks/a")]
        assert not remove(tmp_path, "tasks", "a")
