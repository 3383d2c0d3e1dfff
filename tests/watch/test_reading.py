"""`FileWatcher`: `sync`, `pause` and `resume`, and batches read with ``async for``."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from reloadls import FileChange, FileWatcher
from tests.support.watching import DEADLINE, FAST, SOURCES, WatchRecorder

SLOW = {"debounce_ms": 60_000, "max_wait_ms": 60_000}
"""Nothing comes of itself."""


def _names(changes: list[FileChange]) -> list[tuple[str, str]]:
    return sorted((change.change_type, change.path.name) for change in changes)


def _state(watcher: FileWatcher) -> str:
    return watcher.status.state


@pytest.mark.parametrize("source", SOURCES)
async def test_changes_before_sync_are_reported_when_it_returns(source: str, tmp_path: Path) -> None:
    given: list[FileChange] = []

    async def on_change(changes: list[FileChange]) -> None:
        await asyncio.sleep(0.01)
        given.extend(changes)

    async with FileWatcher(on_change, paths=[tmp_path], **{**SOURCES[source], **SLOW}) as watcher:
        for number in range(5):
            (tmp_path / f"f{number}").write_text("1")
            (tmp_path / "again").write_text("1" * number)
            await watcher.sync()
            assert f"f{number}" in {change.path.name for change in given}
        await watcher.sync()
        assert len(given) == 10


async def test_sync_waits_for_the_on_change_that_runs(tmp_path: Path) -> None:
    entered, release, left = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def on_change(changes: list[FileChange]) -> None:
        entered.set()
        await release.wait()
        left.set()

    async with FileWatcher(on_change, paths=[tmp_path], **FAST) as watcher:
        (tmp_path / "a").write_text("1")
        await asyncio.wait_for(entered.wait(), DEADLINE)
        syncing = asyncio.create_task(watcher.sync())
        await asyncio.sleep(0)
        assert not syncing.done()
        release.set()
        await asyncio.wait_for(syncing, DEADLINE)
        assert left.is_set()


async def test_on_change_cannot_wait_for_itself(tmp_path: Path) -> None:
    said: list[str] = []

    async def on_change(changes: list[FileChange]) -> None:
        try:
            await watcher.sync()
        except RuntimeError as error:
            said.append(str(error))

    async with FileWatcher(on_change, paths=[tmp_path], **SLOW) as watcher:  # type: ignore[arg-type]
        (tmp_path / "a").write_text("1")
        await asyncio.wait_for(watcher.sync(), DEADLINE)
    assert said == ["on_change cannot await sync(): it would wait for itself"]


async def test_sync_needs_a_running_watcher(tmp_path: Path) -> None:
    watcher = FileWatcher(print, paths=[tmp_path])
    with pytest.raises(RuntimeError, match="that is new cannot sync"):
        await watcher.sync()
    await watcher.start()
    await watcher.stop()
    with pytest.raises(RuntimeError, match="that is stopped cannot sync"):
        await watcher.sync()
    with pytest.raises(RuntimeError, match="cannot be restarted"):
        await watcher.start()


async def test_while_paused_nothing_is_reported_and_then_the_net_change(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("1")
    reported = WatchRecorder()
    async with FileWatcher(reported.take, paths=[tmp_path], **FAST) as watcher:
        watcher.pause()
        assert _state(watcher) == "paused"
        (tmp_path / "new").write_text("1")
        (tmp_path / "there").write_text("22")
        (tmp_path / "passing").write_text("1")
        await watcher.sync()
        (tmp_path / "new").write_text("22")
        (tmp_path / "passing").unlink()
        await watcher.sync()
        assert reported.batches == []
        watcher.resume()
        assert _state(watcher) == "watching"
        await reported.until(lambda: bool(reported.batches))
        assert _names(reported.batches[0]) == [("created", "new"), ("modified", "there")]
        watcher.resume()
        (tmp_path / "after").write_text("1")
        await watcher.sync()
    assert [_names(batch) for batch in reported.batches[1:]] == [[("created", "after")]]


async def test_a_resumed_on_change_may_stop_the_watcher(tmp_path: Path) -> None:
    stopped = asyncio.Event()

    async def on_change(changes: list[FileChange]) -> None:
        await watcher.stop()
        stopped.set()

    watcher = FileWatcher(on_change, paths=[tmp_path], **FAST)
    await watcher.start()
    watcher.pause()
    (tmp_path / "a").write_text("1")
    await watcher.sync()
    watcher.resume()
    await asyncio.wait_for(stopped.wait(), DEADLINE)
    assert watcher.state == "stopped"


async def test_batches_are_read_with_async_for(tmp_path: Path) -> None:
    read: list[list[tuple[str, str]]] = []
    async with FileWatcher(paths=[tmp_path], **FAST) as watcher:
        (tmp_path / "a").write_text("1")
        async with asyncio.timeout(DEADLINE):
            async for batch in watcher:
                read.append(_names(batch))
                if len(read) == 2:
                    break
                (tmp_path / "a").unlink()
    assert read == [[("created", "a")], [("deleted", "a")]]


async def test_a_slow_reader_gets_one_change_per_path_and_none_that_came_and_went(tmp_path: Path) -> None:
    async with FileWatcher(paths=[tmp_path], **SLOW) as watcher:  # type: ignore[arg-type]
        for number in range(4):
            (tmp_path / "a").write_text("1" * (number + 1))
            (tmp_path / f"passing{number}").write_text("1")
            await watcher.sync()
            (tmp_path / f"passing{number}").unlink()
            await watcher.sync()
        async with asyncio.timeout(DEADLINE):
            assert _names(await anext(aiter(watcher))) == [("created", "a")]


async def test_paused_batches_are_not_read(tmp_path: Path) -> None:
    async with FileWatcher(paths=[tmp_path], **FAST) as watcher:
        watcher.pause()
        (tmp_path / "a").write_text("1")
        await watcher.sync()
        reading = asyncio.ensure_future(anext(aiter(watcher)))
        await asyncio.sleep(0)
        assert not reading.done()
        watcher.resume()
        assert _names(await asyncio.wait_for(reading, DEADLINE)) == [("created", "a")]


async def test_reading_ends_with_the_watcher(tmp_path: Path) -> None:
    watcher = FileWatcher(paths=[tmp_path], **FAST)
    await watcher.start()

    async def read() -> list[list[FileChange]]:
        return [batch async for batch in watcher]

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    await watcher.stop()
    assert await asyncio.wait_for(reading, DEADLINE) == []


async def test_who_may_read(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="must be started"):
        aiter(FileWatcher(paths=[tmp_path]))
    with pytest.raises(RuntimeError, match="with an on_change"):
        aiter(FileWatcher(print, paths=[tmp_path]))
    async with FileWatcher(paths=[tmp_path], **FAST) as watcher:
        first = asyncio.ensure_future(anext(aiter(watcher)))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="already has a reader"):
            await anext(aiter(watcher))
        (tmp_path / "a").write_text("1")
        assert _names(await asyncio.wait_for(first, DEADLINE)) == [("created", "a")]


@pytest.mark.parametrize(("debounce_ms", "max_wait_ms", "good"), [(5000, None, True), (5000, 2000, False)])
def test_a_longest_wait_that_was_given_is_never_changed(
    debounce_ms: float, max_wait_ms: float | None, good: bool
) -> None:
    def make() -> FileWatcher:
        return FileWatcher(print, paths=[os.curdir], debounce_ms=debounce_ms, max_wait_ms=max_wait_ms)

    if good:
        make()
    else:
        with pytest.raises(ValueError, match=r"max_wait_ms \(2000\) must be at least debounce_ms"):
            make()
