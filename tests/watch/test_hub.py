"""Those who want the same share one pipeline, one source and one journal, and none waits for another."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from reloadls.watch.flush import Pacing
from reloadls.watch.hub import Channel, Subscription, WatchHub
from reloadls.watch.journal import Cursor
from reloadls.watch.scope.scope import Scope
from reloadls.watch.state.store import StateFile
from tests.support.watching import DEADLINE

_PACING = Pacing(0.02, 0.2, 0.02)


class Member:
    """A subscriber of the hub."""

    def __init__(self, hub: WatchHub) -> None:
        self.hub = hub
        self.channel: Channel
        self.cursor: Cursor
        self.scans: list[bool] = []
        self.news = asyncio.Event()

    async def join(self, subscription: Subscription) -> Member:
        self.channel, self.cursor = await self.hub.join(subscription, self)
        return self

    async def leave(self) -> None:
        await self.hub.leave(self.channel, self)

    async def change(self, subscription: Subscription) -> dict[str, str]:
        """Change the subscription; return what the old channel still had to report."""
        left: dict[str, str] = {}

        async def switch(channel: Channel, cursor: Cursor) -> None:
            left.update(self.take())
            self.channel, self.cursor = channel, cursor

        await self.hub.change(self, subscription, switch)
        return left

    def take(self) -> dict[str, str]:
        batch = self.cursor.take()
        return {} if batch is None else {os.path.basename(change.path): change.change_type for change in batch.changes}

    def on_batch(self) -> None:
        self.news.set()

    def on_status(self) -> None:
        self.news.set()

    def on_scan(self, begins: bool, scanned: object) -> None:
        self.scans.append(begins)


class Broken(Member):
    """A subscriber whose callback raises."""

    def on_batch(self) -> None:
        raise RuntimeError("nobody is at home")


@asynccontextmanager
async def hub_of(*, linger: float = 0.0) -> AsyncIterator[WatchHub]:
    hub = WatchHub(linger=linger)
    try:
        yield hub
    finally:
        await hub.close()
        assert hub.channels == []


def subscription(root: Path, debounce: float = 0.02, exclude: tuple[str, ...] = ()) -> Subscription:
    return Subscription(Scope([root], exclude=exclude), Pacing(debounce, 0.2, 0.02))


async def test_equal_subscriptions_share_a_channel(tmp_path: Path) -> None:
    async with hub_of() as hub:
        members = await asyncio.gather(*(Member(hub).join(subscription(tmp_path)) for _ in range(20)))
        assert len({id(member.channel) for member in members}) == 1
        (tmp_path / "new").write_text("1")
        await members[0].channel.pipeline.sync()
        batches = [member.cursor.take() for member in members]
        assert batches[0] is not None
        assert all(batch is batches[0] for batch in batches), "so that it is encoded once"


@pytest.mark.skipif(sys.platform != "linux", reason="inotify")
async def test_different_subscriptions_of_one_folder_share_the_source(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"d{number}").mkdir()
    async with hub_of() as hub:
        one = await Member(hub).join(subscription(tmp_path))
        watches = hub.kernel().watches
        two = await Member(hub).join(subscription(tmp_path, debounce=0.05, exclude=("*.log",)))
        assert one.channel is not two.channel
        assert hub.kernel().watches == watches
        (tmp_path / "d0" / "x.log").write_text("1")
        (tmp_path / "d0" / "x.py").write_text("1")
        for member in (one, two):
            await member.channel.pipeline.sync()
        assert (one.take(), two.take()) == ({"x.log": "created", "x.py": "created"}, {"x.py": "created"})


async def test_a_slow_subscriber_receives_one_merged_batch(tmp_path: Path) -> None:
    async with hub_of() as hub:
        quick, slow = await Member(hub).join(subscription(tmp_path)), await Member(hub).join(subscription(tmp_path))
        for number in range(5):
            (tmp_path / f"f{number}").write_text("1")
            (tmp_path / "same").write_text(str(number))
            await quick.channel.pipeline.sync()
            quick.take()
        (tmp_path / "f0").unlink()
        await quick.channel.pipeline.sync()
        assert quick.take() == {"f0": "deleted"}
        assert slow.take() == {"same": "created", **{f"f{number}": "created" for number in range(1, 5)}}
        assert slow.cursor.clock == quick.cursor.clock


async def test_a_subscriber_that_raises_does_not_stop_the_others(tmp_path: Path) -> None:
    async with hub_of() as hub:
        await Broken(hub).join(subscription(tmp_path))
        member = await Member(hub).join(subscription(tmp_path))
        (tmp_path / "new").write_text("1")
        async with asyncio.timeout(DEADLINE):
            await member.news.wait()
        assert member.take() == {"new": "created"}


async def test_a_channel_with_one_subscriber_is_changed_in_place(tmp_path: Path) -> None:
    async with hub_of() as hub:
        member = await Member(hub).join(subscription(tmp_path))
        before = member.channel
        await member.change(subscription(tmp_path, debounce=0.05, exclude=("*.log",)))
        assert hub.channels == [before] == [member.channel]
        assert before.subscription == subscription(tmp_path, debounce=0.05, exclude=("*.log",))
        (tmp_path / "x.log").write_text("1")
        (tmp_path / "x.py").write_text("1")
        await member.channel.pipeline.sync()
        assert member.take() == {"x.py": "created"}


async def test_a_change_beside_another_subscriber_reports_what_the_old_channel_still_has(tmp_path: Path) -> None:
    async with hub_of() as hub:
        one, two = await Member(hub).join(subscription(tmp_path)), await Member(hub).join(subscription(tmp_path))
        (tmp_path / "x.log").write_text("1")
        assert await one.change(subscription(tmp_path, exclude=("*.log",))) == {"x.log": "created"}
        assert one.channel is not two.channel
        assert two.channel.subscribers == one.channel.subscribers == 1
        (tmp_path / "x.py").write_text("1")
        await one.channel.pipeline.sync()
        assert one.take() == {"x.py": "created"}


async def test_a_change_to_a_subscription_that_exists_shares_its_channel(tmp_path: Path) -> None:
    async with hub_of() as hub:
        one = await Member(hub).join(subscription(tmp_path))
        two = await Member(hub).join(subscription(tmp_path, debounce=0.05))
        await one.change(subscription(tmp_path, debounce=0.05))
        assert one.channel is two.channel
        assert hub.channels == [two.channel]
        with pytest.raises(KeyError, match="has not joined any channel"):
            await hub.change(Member(hub), subscription(tmp_path), lambda *_: asyncio.sleep(0))


async def test_a_change_that_fails_leaves_the_subscriber_with_its_channel(tmp_path: Path) -> None:
    async def refuse(channel: Channel, cursor: Cursor) -> None:
        raise RuntimeError("not now")

    async with hub_of() as hub:
        one, two = await Member(hub).join(subscription(tmp_path)), await Member(hub).join(subscription(tmp_path))
        with pytest.raises(RuntimeError, match="not now"):
            await hub.change(one, subscription(tmp_path, exclude=("*.log",)), refuse)
        assert hub.channels == [one.channel]
        (tmp_path / "x.log").write_text("1")
        await one.channel.pipeline.sync()
        assert one.take() == two.take() == {"x.log": "created"}


async def test_a_channel_ends_with_its_last_subscriber(tmp_path: Path) -> None:
    tasks = asyncio.all_tasks()
    async with hub_of() as hub:
        one, two = await Member(hub).join(subscription(tmp_path)), await Member(hub).join(subscription(tmp_path))
        await one.leave()
        (tmp_path / "new").write_text("1")
        await two.channel.pipeline.sync()
        assert two.take() == {"new": "created"}
        assert one.take() == {}
        await two.leave()
        assert hub.channels == []
        assert asyncio.all_tasks() == tasks


async def test_a_subscriber_that_returns_in_time_finds_its_clock(tmp_path: Path) -> None:
    async with hub_of(linger=60) as hub:
        member = await Member(hub).join(subscription(tmp_path))
        clock = member.cursor.clock
        await member.leave()
        (tmp_path / "new").write_text("1")
        again = await Member(hub).join(subscription(tmp_path))
        await again.channel.pipeline.sync()
        changes = again.channel.journal.since(clock)
        assert changes is not None
        assert [change.path.name for change in changes] == ["new"]


async def test_an_idle_channel_ends(tmp_path: Path) -> None:
    async with hub_of(linger=0.01) as hub:
        member = await Member(hub).join(subscription(tmp_path))
        await member.leave()
        async with asyncio.timeout(DEADLINE):
            while hub.channels:  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0)
        again = await Member(hub).join(subscription(tmp_path))
        assert again.channel is not member.channel


async def test_a_cancelled_start_does_not_disturb_others(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / f"f{number}").touch()
    async with hub_of() as hub:
        joining = [asyncio.create_task(Member(hub).join(subscription(tmp_path))) for _ in range(3)]
        await asyncio.sleep(0)
        joining[0].cancel()
        members = await asyncio.gather(*joining, return_exceptions=True)
        assert isinstance(members[0], asyncio.CancelledError)
        assert isinstance(members[1], Member)
        assert members[1].channel.subscribers == 2
        alone = asyncio.create_task(Member(hub).join(subscription(tmp_path, debounce=0.05)))
        await asyncio.sleep(0)
        alone.cancel()
        await asyncio.wait([alone])
        assert len(hub.channels) == 1


async def test_a_failed_start_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reloadls.watch.pipeline import Pipeline

    async def fails(self: Pipeline, *args: object, **options: object) -> None:
        raise OSError("not now")

    async with hub_of() as hub:
        with monkeypatch.context() as patch:
            patch.setattr(Pipeline, "start", fails)
            results = await asyncio.gather(
                *(Member(hub).join(subscription(tmp_path)) for _ in range(2)), return_exceptions=True
            )
            assert [str(result) for result in results] == ["not now"] * 2
        assert hub.channels == []
        await Member(hub).join(subscription(tmp_path))


async def test_the_first_scan_is_shown_to_its_subscriber(tmp_path: Path) -> None:
    async with hub_of() as hub:
        one = await Member(hub).join(subscription(tmp_path))
        two = await Member(hub).join(subscription(tmp_path))
        assert (one.scans, two.scans) == ([True, False], [])


async def test_a_cancelled_open_leaves_the_state_to_the_next_subscriber(tmp_path: Path) -> None:
    root, state = tmp_path / "root", tmp_path / "state"
    root.mkdir()
    for turn in range(20):
        hub = WatchHub(state_folder=state)
        joining = asyncio.create_task(Member(hub).join(subscription(root)))
        for _ in range(turn):
            await asyncio.sleep(0)
        joining.cancel()
        await asyncio.wait([joining])
        await hub.close()
    hub = WatchHub(state_folder=state)
    member = await Member(hub).join(subscription(root))
    clock = member.cursor.clock
    await hub.close()
    (root / "new").touch()
    hub = WatchHub(state_folder=state)
    member = await Member(hub).join(subscription(root))
    assert member.take() == {"new": "created"}, "the state was free to be read and written"
    assert member.channel.journal.since(clock) is not None
    await hub.close()


async def test_no_clock_is_visible_before_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who got one and comes back after a crash would be unknown."""
    root, state = tmp_path / "root", tmp_path / "state"
    root.mkdir()
    hub = WatchHub(state_folder=state)
    member = await Member(hub).join(subscription(root))
    before, begun, goes_on = member.cursor.clock, asyncio.Event(), asyncio.Event()
    append = StateFile.append

    def slow_append(file: StateFile, *args: Any) -> None:
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(goes_on.wait(), loop).result(DEADLINE)
        append(file, *args)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(StateFile, "append", slow_append)
    (root / "new").touch()
    async with asyncio.timeout(DEADLINE):
        await begun.wait()
        assert member.take() == {}
        assert (member.cursor.clock, member.channel.journal.clock) == (before, before)
        member.news.clear()
        goes_on.set()
        await member.news.wait()
    assert member.take() == {"new": "created"}
    clock = member.cursor.clock
    await hub.close()
    hub = WatchHub(state_folder=state)
    member = await Member(hub).join(subscription(root))
    assert member.channel.journal.since(clock) == []
    await hub.close()


async def test_a_subscriber_that_returns_with_other_timing_finds_its_clock(tmp_path: Path) -> None:
    async with hub_of(linger=60) as hub:
        member = await Member(hub).join(subscription(tmp_path))
        clock, channel = member.cursor.clock, member.channel
        await member.leave()
        (tmp_path / "new").write_text("1")
        again = await Member(hub).join(subscription(tmp_path, debounce=0.05))
        assert again.channel is channel
        assert hub.channels == [channel]
        await channel.pipeline.sync()
        changes = channel.journal.since(clock)
        assert changes is not None
        assert [change.path.name for change in changes] == ["new"]
        third = await Member(hub).join(subscription(tmp_path))
        assert third.channel is not channel, "who listens is not disturbed"


async def test_a_channel_ends_although_its_disk_thread_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A hung call is abandoned; when it returns, the state file is closed after all."""
    monkeypatch.setattr("reloadls.watch.hub._CLOSE_S", 0.05)
    monkeypatch.setattr("reloadls.base.worker_thread._STOP_S", 0.05)
    (root := tmp_path / "w").mkdir()
    hub = WatchHub(state_folder=tmp_path / "state")
    member = await Member(hub).join(subscription(root))
    hangs, goes_on = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        goes_on.wait(DEADLINE)

    hanging = asyncio.create_task(member.channel.pipeline.run(hang))
    await asyncio.to_thread(hangs.wait, DEADLINE)
    await hub.close()
    assert not goes_on.is_set() and "timed out after" in caplog.text
    goes_on.set()
    await hanging
    again = WatchHub(state_folder=tmp_path / "state")
    async with asyncio.timeout(DEADLINE):
        while True:  # the file is free again
            other = await Member(again).join(subscription(root))
            if other.channel._keeper is not None and other.channel._keeper._file is not None:
                break
            await other.leave()
    await again.close()
