"""How `on_change` is called: one batch at a time, never cancelled, whatever it raises."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from reloadls import FileChange, FileWatcher
from tests.support.watching import FAST, WatchRecorder, watching


async def test_a_slow_callback_is_never_cancelled_or_entered_twice_and_then_gets_the_rest_as_one_batch(
    tmp_path: Path,
) -> None:
    entered, finished, release = 0, 0, asyncio.Event()
    reported = WatchRecorder()

    async def slow(changes: list[FileChange]) -> None:
        nonlocal entered, finished
        assert entered == finished, "entered a second time"
        entered += 1
        reported.take(changes)
        await release.wait()
        finished += 1

    other = WatchRecorder()
    async with (
        FileWatcher(slow, paths=[tmp_path], **FAST),
        FileWatcher(other.take, paths=[tmp_path], **FAST),
    ):
        (tmp_path / "first").write_text("1")
        await reported.until({str(tmp_path / "first"): "created"})
        for number in range(5):
            (tmp_path / f"f{number}").write_text("1")
            await other.until(partial(other.has, tmp_path / f"f{number}"))
        assert (entered, finished) == (1, 0)
        release.set()
        await reported.until(lambda: len(reported.net()) == 6)
        assert [len(batch) for batch in reported.batches] == [1, 5]
    assert entered == finished == 2


class _OfAnotherFramework(BaseException):
    """As trio's Cancelled is."""


_Group = BaseExceptionGroup("several", [_OfAnotherFramework(), ValueError("broken")])


@pytest.mark.parametrize("asynchronous", [False, True], ids=["plain", "async"])
@pytest.mark.parametrize(
    "error",
    [ValueError("broken"), asyncio.CancelledError("mine"), KeyError(), GeneratorExit(), _OfAnotherFramework(), _Group],
    ids=repr,
)
async def test_exceptions_of_on_change_are_logged_and_watching_continues(
    error: BaseException, asynchronous: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reported = WatchRecorder()

    def plain(changes: list[FileChange]) -> None:
        reported.take(changes)
        raise error

    async def later(changes: list[FileChange]) -> None:
        plain(changes)

    caplog.set_level(logging.WARNING)
    async with FileWatcher(later if asynchronous else plain, paths=[tmp_path], **FAST) as watcher:
        for number in range(3):
            (tmp_path / f"f{number}").write_text("1")
            await reported.until(partial(reported.has, tmp_path / f"f{number}"))
        assert watcher.state == "running"
    raised = [record for record in caplog.records if record.name == "reloadls.watch.watcher"]
    assert len(raised) == 3
    assert all("watching continues" in record.getMessage() for record in raised)


class Awaitable:
    """Awaitable, but no coroutine."""

    def __await__(self):  # type: ignore[no-untyped-def]
        yield from asyncio.sleep(0).__await__()


@pytest.mark.parametrize(
    "answer",
    [lambda: None, lambda: 42, lambda: asyncio.sleep(0), Awaitable],
    ids=["None", "a number", "a coroutine", "an awaitable"],
)
async def test_it_may_return_anything(answer: Callable[[], object], tmp_path: Path) -> None:
    reported = WatchRecorder()

    def on_change(changes: list[FileChange]) -> object:
        reported.take(changes)
        return answer()

    async with FileWatcher(on_change, paths=[tmp_path], **FAST):
        (tmp_path / "a").write_text("1")
        await reported.until({str(tmp_path / "a"): "created"})


async def test_it_may_write_into_what_is_watched(tmp_path: Path) -> None:
    reported = WatchRecorder()

    def on_change(changes: list[FileChange]) -> None:
        reported.take(changes)
        if len(reported.batches) < 4:
            (tmp_path / f"made{len(reported.batches)}").write_text("1")

    async with FileWatcher(on_change, paths=[tmp_path], **FAST):
        (tmp_path / "a").write_text("1")
        await reported.until(lambda: len(reported.net()) == 4)
    assert [len(batch) for batch in reported.batches] == [1, 1, 1, 1]


def relative(path: Path) -> str:
    return os.path.relpath(path)


async def test_changes_come_with_absolute_paths_in_the_order_in_which_they_were_noticed(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("1")
    os.utime(tmp_path / "old", (1e9, 1e9))
    async with watching([relative(tmp_path)]) as reported:
        (tmp_path / "new").write_text("1")
        (tmp_path / "old").unlink()
        await reported.until(lambda: len(reported.net()) == 2)
        changes = [change for batch in reported.batches for change in batch]
        assert set(changes) == {FileChange(tmp_path / "new", "created"), FileChange(tmp_path / "old", "deleted")}
        assert all(change.path.is_absolute() for change in changes)


async def test_a_tree_that_is_never_quiet_is_reported(tmp_path: Path) -> None:
    """One write every few ms; each batch comes at most max_wait after its oldest change, as the files' stamps show."""
    debounce_ms, max_wait_ms = 60, 200
    reported, stop = WatchRecorder(), asyncio.Event()
    spans: list[float] = []
    number = 0

    def on_change(changes: list[FileChange]) -> None:
        stamps = [change.path.stat().st_mtime for change in changes]
        spans.append(max(stamps) - min(stamps))
        reported.take(changes)

    async def never_quiet() -> None:
        nonlocal number
        while not stop.is_set():
            number += 1
            (tmp_path / f"f{number}").write_text("1")
            with_pause = asyncio.timeout(0.005)
            try:
                async with with_pause:
                    await stop.wait()
            except TimeoutError:
                continue

    async with FileWatcher(on_change, paths=[tmp_path], debounce_ms=debounce_ms, max_wait_ms=max_wait_ms):
        busy = asyncio.create_task(never_quiet())
        await reported.until(lambda: len(reported.batches) >= 4)
        stop.set()
        await busy
        await reported.until(lambda: len(reported.net()) == number)
    # What is written while the disk is read may still be in the batch: leave it the same time again.
    assert all(span <= 2 * max_wait_ms / 1000 for span in spans), spans
    assert all(len(batch) > 1 for batch in reported.batches[:4])


async def test_one_save_is_one_batch(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    os.utime(tmp_path / "a", (1e9, 1e9))
    async with watching([tmp_path], debounce_ms=100, max_wait_ms=1000) as reported:
        with (tmp_path / "a").open("a") as file:
            for _ in range(10):
                file.write("more")
                file.flush()
        await reported.only({str(tmp_path / "a"): "modified"}, tmp_path / "sentinel")
        assert sum(change.path.name == "a" for batch in reported.batches for change in batch) == 1
