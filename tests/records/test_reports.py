"""What users of other watchers and stores reported: the first things that a record stream must do right.

- kubernetes/kubernetes#58545: a deletion carried the version of the last change, so a restart received it again.
- KEP-956: a filtered watch that saw nothing had to restart from an old version, and found it gone.
- kubernetes-client/python#2228: an object that leaves the selector is reported as deleted, with its last state.
- etcd-io/etcd#18089, cilium#3011: a watch from a version that is gone must say so, and the list must be read again.
- opral/inlang#3977, node-jsonfile#79: a large document is read half written; an atomic rename broke the watcher.
- dreamland_code#1264: half a file must never count as a smaller one.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from reloadls.records import write
from tests.records.support import FakeClock, opened, put, shape


async def test_a_removal_has_the_clock_of_the_removal(tmp_path: Path) -> None:
    put(tmp_path / "r", "maps", "a", {"n": 1})
    async with opened(tmp_path / "r", state=tmp_path / "state") as stream:
        before = stream.take()[-1].clock
        (tmp_path / "r/maps/a.json").unlink()
        await stream.sync()
        (event,) = stream.take()
        assert (event.event_type, event.data) == ("removed", {"n": 1})
        assert event.clock != before
    async with opened(tmp_path / "r", state=tmp_path / "state", since=event.clock) as stream:
        assert stream.take() == []


async def test_a_filtered_stream_that_sees_nothing_has_a_new_clock(tmp_path: Path) -> None:
    clock = FakeClock()
    put(tmp_path / "r", "pods", "mine", {"owner": "me"})
    options: dict[str, Any] = {"where": ["owner=me"], "bookmarks": True, "state": tmp_path / "state"}
    async with opened(tmp_path / "r", clock=clock, **options) as stream:
        first = stream.take()[-1].clock
        for number in range(3):
            put(tmp_path / "r", "pods", "other", {"owner": "you", "n": number})
            await stream.sync()
        assert stream.take() == []
        task = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        clock.advance(60)
        bookmark = await task
        assert bookmark.event_type == "bookmark"
        assert bookmark.clock != first
    async with opened(tmp_path / "r", state=tmp_path / "state", where=["owner=me"], since=bookmark.clock) as stream:
        assert stream.take() == []


async def test_what_leaves_the_filter_is_removed_with_its_last_matching_state(tmp_path: Path) -> None:
    put(tmp_path, "maps", "a", {"label": "bar", "n": 1})
    async with opened(tmp_path, where=["label=bar"]) as stream:
        assert shape(stream.take()) == [("snapshot", "maps/a")]
        put(tmp_path, "maps", "a", {"n": 2})
        await stream.sync()
        (event,) = stream.take()
        assert (event.event_type, event.data) == ("removed", {"label": "bar", "n": 1})
        put(tmp_path, "maps", "a", {"label": "bar", "n": 3})
        await stream.sync()
        assert shape(stream.take()) == [("added", "maps/a")]


async def test_a_clock_that_is_gone_begins_anew(tmp_path: Path) -> None:
    put(tmp_path / "r", "keys", "a", {"n": 1})
    async with opened(tmp_path / "r", state=tmp_path / "state", since="c:deadbeef:7") as stream:
        assert shape(stream.take()) == [("reset", ""), ("snapshot", "keys/a")]
    async with opened(tmp_path / "r", state=tmp_path / "state", since="no clock") as stream:
        assert shape(stream.take()) == [("reset", ""), ("snapshot", "keys/a")]


async def test_a_large_document_written_in_pieces_is_one_event(tmp_path: Path) -> None:
    text = json.dumps({"messages": ["x" * 70] * 9000})
    async with opened(tmp_path) as stream:
        path = put(tmp_path, "messages", "a", "")
        with path.open("w") as file:
            for start in range(0, len(text), 262_144):
                file.write(text[start : start + 262_144])
                file.flush()
                await stream.sync()
        await stream.sync()
        assert shape(stream.take()) == [("added", "messages/a")]


async def test_an_atomic_rename_is_one_event_again_and_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as stream:
        for number in range(5):
            write(tmp_path, "messages", "a", {"n": number})
            await stream.sync()
            (event,) = stream.take()
            assert (event.event_type, event.data["n"]) == ("added" if number == 0 else "modified", number)


async def test_half_a_document_is_no_smaller_document(tmp_path: Path) -> None:
    clock = FakeClock()
    whole = {"options": [{"n": number} for number in range(25)]}
    path = put(tmp_path, "settings", "a", whole)
    async with opened(tmp_path, clock=clock) as stream:
        stream.take()
        os.truncate(path, path.stat().st_size // 2)
        await stream.sync()
        assert stream.take() == []
        clock.advance(1)
        await stream.sync()
        (event,) = stream.take()
        assert event.event_type == "invalid"
        assert event.data["file"] == "settings/a.json"
        assert event.data["line"] == 1
        path.unlink()
        await stream.sync()
        (event,) = stream.take()
        assert (event.event_type, event.data) == ("removed", whole)
