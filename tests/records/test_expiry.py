"""When records expire: ends, extensions, releases, and clocks that jump."""

from __future__ import annotations

import asyncio
import json
import os
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reloadls.records import RecordEvent, RecordStream
from reloadls.records.clock import SystemClock
from reloadls.records.documents.document import parse
from reloadls.records.fields import instant
from reloadls.records.layout import layout_from
from reloadls.records.states.store import Moment, RecordStore
from tests.records.support import FakeClock, opened, put, shape

LAYOUT: dict[str, Any] = {
    "kinds": ["leases", "beats", "ends"],
    "expires": {"leases": "expires_at"},
    "extended_by": {"leases": "beats.lease -> until"},
    "ended_by": {"leases": "ends.lease"},
}


@pytest.mark.parametrize(
    ("value", "at"),
    [("1970-01-01T00:01:00Z", 60.0), ("1970-01-01T01:01:00.5+01:00", 60.5), (60, 60.0), (1.5, 1.5),
     ("1970-01-01T00:01:00", None), ("60", None), (True, None), (None, None), ([60], None), (1e300, None),
     (10**400, None), ("soon", None)],
)  # fmt: skip
def test_a_time_is_iso_8601_with_a_zone_or_seconds(value: object, at: float | None) -> None:
    assert instant(value) == at


async def drained(stream: RecordStream) -> list[RecordEvent]:
    await stream.sync()
    return stream.take()


async def test_a_record_expires_at_its_end_once(tmp_path: Path) -> None:
    clock = FakeClock()
    put(tmp_path, "leases", "past", {"expires_at": clock.time() - 5})
    put(tmp_path, "leases", "b", {"expires_at": clock.time() + 10})
    put(tmp_path, "leases", "a", {"expires_at": datetime.fromtimestamp(clock.time() + 10, UTC).isoformat()})
    async with opened(tmp_path, clock=clock, layout=LAYOUT) as stream:
        first = stream.take()
        assert shape(first) == [("snapshot", f"leases/{name}") for name in ("a", "b", "past")]
        assert [event.data.get("expired") for event in first] == [None, None, True]
        assert clock.next_alarm == clock.time() + 10
        clock.advance(9.999)
        assert await drained(stream) == []
        clock.advance(0.001)
        events = await drained(stream)
        assert shape(events) == [("expired", "leases/a"), ("expired", "leases/b")]
        assert events[0].data["expired"] is True
        assert events[0].timestamp.timestamp() == clock.time()
        clock.advance(1000)
        assert await drained(stream) == []


async def test_an_extension_in_time_prevents_the_end_and_a_late_one_undoes_it(tmp_path: Path) -> None:
    clock = FakeClock()
    put(tmp_path, "leases", "a", {"expires_at": clock.time() + 10})
    async with opened(tmp_path, clock=clock, layout=LAYOUT) as stream:
        stream.take()
        put(tmp_path, "beats", "1", {"lease": "a", "until": clock.time() + 20})
        put(tmp_path, "beats", "2", {"lease": "a", "until": clock.time() + 15})
        assert sorted(shape(await drained(stream))) == [("added", "beats/1"), ("added", "beats/2")]
        clock.advance(19)
        assert await drained(stream) == []
        clock.advance(1)
        assert shape(await drained(stream)) == [("expired", "leases/a")]
        put(tmp_path, "beats", "2", {"lease": "a", "until": clock.time() + 5})
        events = await drained(stream)
        assert shape(events) == [("modified", "leases/a"), ("modified", "beats/2")]
        assert "expired" not in events[0].data
        (tmp_path / "beats/2.json").unlink()
        assert shape(await drained(stream)) == [("removed", "beats/2"), ("expired", "leases/a")]


async def test_a_release_ends_a_record_at_once(tmp_path: Path) -> None:
    clock = FakeClock()
    put(tmp_path, "leases", "a", {"expires_at": clock.time() + 10})
    put(tmp_path, "leases", "endless", {})
    async with opened(tmp_path, clock=clock, layout=LAYOUT) as stream:
        stream.take()
        put(tmp_path, "ends", "1", {"lease": "a"})
        put(tmp_path, "ends", "2", {"lease": "endless"})
        events = await drained(stream)
        assert sorted(shape(events)) == [
            ("added", "ends/1"), ("added", "ends/2"), ("expired", "leases/a"), ("expired", "leases/endless")
        ]  # fmt: skip
        clock.advance(100)
        assert await drained(stream) == []


async def test_an_added_record_that_has_ended_is_added_and_expired(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock=clock, layout=LAYOUT) as stream:
        put(tmp_path, "leases", "a", {"expires_at": clock.time() - 10})
        assert shape(await drained(stream)) == [("added", "leases/a"), ("expired", "leases/a")]


async def test_a_filter_can_ask_for_what_has_not_expired(tmp_path: Path) -> None:
    clock = FakeClock()
    put(tmp_path, "leases", "a", {"expires_at": clock.time() + 10})
    async with opened(tmp_path, clock=clock, layout=LAYOUT, where=["expired!=true"]) as stream:
        assert shape(stream.take()) == [("snapshot", "leases/a")]
        clock.advance(10)
        assert shape(await drained(stream)) == [("removed", "leases/a")]


async def test_a_clock_that_is_set_is_noticed(tmp_path: Path) -> None:
    clock = FakeClock()
    start = clock.time()
    put(tmp_path, "leases", "a", {"expires_at": start + 10})
    async with opened(tmp_path, clock=clock, layout=LAYOUT) as stream:
        stream.take()
        clock.set(start + 3600)
        assert shape(await drained(stream)) == [("expired", "leases/a")]
        clock.set(start)
        assert shape(await drained(stream)) == [("modified", "leases/a")]
        clock.advance(10)
        assert shape(await drained(stream)) == [("expired", "leases/a")]


async def test_the_end_is_announced_across_a_restart_once(tmp_path: Path) -> None:
    clock, folder, state = FakeClock(), tmp_path / "r", tmp_path / "state"
    put(folder, "leases", "a", {"expires_at": clock.time() + 10})
    put(folder, "leases", "b", {"expires_at": clock.time() + 100})
    put(folder, "ends", "1", {"lease": "b"})
    async with opened(folder, clock=clock, layout=LAYOUT, state=state) as stream:
        assert stream.take()
        since = stream.clock
    clock.advance(50)
    async with opened(folder, clock=clock, layout=LAYOUT, state=state, since=since) as stream:
        events = stream.take()
        assert shape(events) == [("expired", "leases/a")]
        assert events[0].timestamp.timestamp() == clock.time() - 40
    async with opened(folder, clock=clock, layout=LAYOUT, state=state, since=events[-1].clock) as stream:
        assert stream.take() == []


def test_a_thousand_records_end_in_exact_sequence() -> None:
    """Extended and released at random: the sequence is that of a plain model."""
    chance = random.Random(os.environ.get("RELOADLS_TEST_SEED", "17"))
    store, start = RecordStore(layout_from(LAYOUT)), 1_000_000.0
    ends = {f"l{number:04}": start + chance.randrange(1, 5000) / 2 for number in range(1000)}
    documents = {("leases", name): parse(json.dumps({"expires_at": end}).encode()) for name, end in ends.items()}
    alarm = store.update(documents, Moment(start, 0)).alarm
    acts = sorted((start + chance.random() * 2500, chance.choice(list(ends)), chance.random()) for _ in range(600))
    expected: list[tuple[float, str]] = []
    seen: list[tuple[float, str]] = []
    live = dict(ends)
    number = 0
    while alarm is not None or acts:
        at = min(filter(None, [alarm, acts[0][0] if acts else None]))
        if at > start + 100_000:
            break
        ended = sorted((end, name) for name, end in live.items() if end <= at)
        expected += ended
        for _, name in ended:
            del live[name]
        documents = {}
        if acts and acts[0][0] == at:
            _, name, what = acts.pop(0)
            number += 1
            if what < 0.7:
                until = at + chance.randrange(1, 400) / 2
                documents[("beats", f"b{number}")] = parse(json.dumps({"lease": name, "until": until}).encode())
                if name in ends:
                    ends[name] = max(ends[name], until)
                    live[name] = ends[name]
            elif name in ends:
                documents[("ends", f"e{number}")] = parse(json.dumps({"lease": name}).encode())
                del ends[name]
                if live.pop(name, None) is not None:
                    expected.append((at, name))
        update = store.update(documents, Moment(at, at - start))
        alarm = update.alarm
        was_live = [c for c in update.changes if c.before is None or c.before.expired_at is None]
        ended_now = [(c.after.expired_at, c.key[1]) for c in was_live if c.after is not None]
        seen += sorted((end, name) for end, name in ended_now if end is not None)
    assert seen == expected
    assert len(seen) >= 1000


async def test_the_machines_clock_calls_at_the_instant_and_not_before() -> None:
    clock, fired = SystemClock(), asyncio.Event()
    alarm = clock.alarm(fired.set)
    try:
        at = clock.time() + 0.05
        alarm.set(at)
        await asyncio.wait_for(fired.wait(), 20)
        assert clock.time() >= at
        fired.clear()
        alarm.set(clock.time() - 5)
        await asyncio.wait_for(fired.wait(), 20)
        alarm.set(clock.time() + 1000)
        alarm.set(None)
    finally:
        alarm.close()
