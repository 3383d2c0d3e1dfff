"""The sources: hints, barriers, failure and return, and what the safety net finds."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reloadls.watch.flush import Pacing
from reloadls.watch.snapshot.folder import Entry
from reloadls.watch.snapshot.roots import WatchSet
from reloadls.watch.sources import Hints, SourceFailed, supervised
from reloadls.watch.sources import choose as make
from reloadls.watch.sources import watchfiles as native_module
from reloadls.watch.sources.base import Backend, FailureCode, RecursiveSource
from reloadls.watch.sources.cookies import Cookies
from reloadls.watch.sources.polling import PollingSource
from reloadls.watch.sources.supervised import SupervisedSource
from reloadls.watch.sources.watchfiles import WatchfilesSource
from tests.support.disk import state_of
from tests.support.watching import DEADLINE, piping

Emit = Callable[[Hints], None]


class Hinted:
    """What a source has emitted."""

    def __init__(self) -> None:
        self.all: list[Hints] = []
        self._news = asyncio.Event()

    def __call__(self, hints: Hints) -> None:
        self.all.append(hints)
        self._news.set()

    @property
    def paths(self) -> set[str]:
        return {path for hints in self.all for path in hints.paths}

    async def until(self, met: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not met():
                self._news.clear()
                await self._news.wait()


def trees(*paths: Path) -> WatchSet:
    return WatchSet(frozenset(map(str, paths)))


@asynccontextmanager
async def native(
    what: WatchSet, is_relevant: Callable[[str], bool] = lambda _: True
) -> AsyncIterator[tuple[WatchfilesSource, Hinted]]:
    hinted = Hinted()
    source = WatchfilesSource(hinted, is_relevant, step=0.005)
    await source.watch(what)
    try:
        yield source, hinted
    finally:
        await source.stop()


# -- native ------------------------------------------------------------------------------------------------------


async def test_a_barrier_comes_after_every_earlier_hint(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    tree = tmp_path / "tree"
    tree.mkdir()
    async with native(WatchSet(frozenset([str(tree)]), frozenset([str(other)]))) as (source, hinted):
        for number in range(30):
            at = (tree, other)[number % 2] / f"f{number}"
            at.write_text("1")
            assert await source.barrier(DEADLINE)
            assert str(at) in hinted.paths
        assert all(path.startswith(str(tmp_path)) for path in hinted.paths), "a barrier's own file is no hint"


async def test_many_barriers_at_once_all_pass_and_leave_no_file(tmp_path: Path) -> None:
    async with native(trees(tmp_path)) as (source, _):
        assert all(await asyncio.gather(*(source.barrier(DEADLINE) for _ in range(50))))


async def test_without_a_place_for_it_a_barrier_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError("no space left")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    async with native(trees(tmp_path)) as (source, hinted):
        assert not await source.barrier(DEADLINE)
        (tmp_path / "a").write_text("1")
        await hinted.until(lambda: str(tmp_path / "a") in hinted.paths)


async def test_a_barrier_without_an_event_times_out_and_cleans_up() -> None:
    cookies = Cookies()
    (folder,) = cookies.folder()
    assert not await cookies.barrier(0.01)
    assert os.listdir(folder) == []
    cookies.close()
    assert not os.access(folder, os.F_OK)
    assert not await cookies.barrier(0.01)


async def test_the_folder_of_the_barriers_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = tmp_path / "tmp"
    private.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(private))
    (tmp_path / "tree").mkdir()
    async with native(trees(tmp_path / "tree")) as (source, _):
        assert await source.barrier(DEADLINE)
        (folder,) = private.iterdir()
        assert folder.stat().st_mode & 0o077 == 0
    assert list(private.iterdir()) == []


async def test_a_root_that_appears_costs_no_other_root_a_change(tmp_path: Path, without_net: None) -> None:
    """What the old instance has noticed, but not reported yet, is reported before the new one takes its place."""
    there, later = tmp_path / "there", tmp_path / "later"
    there.mkdir()
    for _ in range(3):
        async with piping([there, later]) as (reported, _):
            later.mkdir()
            (later / "a").write_text("1")
            number = 0
            while str(later / "a") not in reported.net():
                number += 1
                (there / f"f{number}").write_text("1")
                await asyncio.sleep(0.001)  # not to wait: to write at every moment of the switch
            expected = {str(there / f"f{number}"): "created" for number in range(1, number + 1)}
            await reported.until({**expected, str(later / "a"): "created"})
        shutil.rmtree(later)
        shutil.rmtree(there)
        there.mkdir()


async def test_irrelevant_changes_cause_no_hint(tmp_path: Path) -> None:
    async with native(trees(tmp_path), lambda path: not path.endswith(".log")) as (source, hinted):
        for number in range(20):
            (tmp_path / f"{number}.log").write_text("1")
        assert await source.barrier(DEADLINE)
        assert hinted.all == []


async def test_a_path_that_changes_its_identity_is_given_and_to_be_watched_anew(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    async with native(trees(tree)) as (source, hinted):
        for _ in range(3):
            tree.rmdir()
            tree.mkdir()
            await hinted.until(lambda: any(hints.moved and str(tree) in hints.paths for hints in hinted.all))
            assert await source.barrier(DEADLINE)  # its coming back may be noticed before its going
            await source.watch(trees(tree))
            hinted.all.clear()
            (tree / "a").write_text("1")
            await hinted.until(lambda: str(tree / "a") in hinted.paths)
            (tree / "a").unlink()
            assert await source.barrier(DEADLINE)
            hinted.all.clear()


async def test_the_same_watch_set_is_free_and_another_one_loses_nothing(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.mkdir()
    b.mkdir()
    async with native(trees(a)) as (source, hinted):
        threads = threading.enumerate()
        await source.watch(trees(a))
        assert threading.enumerate() == threads
        written = set()
        for number in range(10):
            switch = asyncio.create_task(source.watch(trees(a, b) if number % 2 else trees(a)))
            for turn in range(20):
                path = a / f"f{number}-{turn}"
                path.write_text("1")
                written.add(str(path))
                await asyncio.sleep(0)
            await switch
        assert await source.barrier(DEADLINE)
        assert written <= hinted.paths
        await source.watch(WatchSet())
        assert await source.barrier(DEADLINE), "with nothing watched there is nothing to wait for"


# -- polling -----------------------------------------------------------------------------------------------------


async def test_polling_hints_at_each_new_difference_once() -> None:
    hinted = Hinted()
    found: dict[str, Entry | None] = {}
    looks = asyncio.Condition()

    async def differences() -> dict[str, Entry | None]:
        async with looks:
            looks.notify_all()
        return dict(found)

    async def look_twice() -> None:
        for _ in range(3):
            async with looks, asyncio.timeout(DEADLINE):
                await looks.wait()

    source = PollingSource(hinted, differences, delay=0.002)
    await source.watch(WatchSet())
    assert not await source.barrier(DEADLINE)
    cases: list[tuple[str, Entry | None]] = [
        ("/a", (1, 1, 1, 0, 1, 1)),
        ("/a", (2, 1, 1, 0, 1, 1)),
        ("/b", None),
        ("/a", None),
    ]
    for path, entry in cases:
        found[path] = entry
        await look_twice()
    await source.stop()
    await source.stop()
    assert [hints.paths for hints in hinted.all] == [("/a",), ("/a",), ("/b",), ("/a",)]
    assert not any(hints.rescan or hints.suspect for hints in hinted.all)


# -- supervised --------------------------------------------------------------------------------------------------


class Failing(RecursiveSource):
    """A source that fails when it is asked to; otherwise it does nothing."""

    backend: Backend = "native"
    reports_loss = False

    def __init__(self, log: list[str], name: str, failures: list[FailureCode | None]) -> None:
        self.log, self.name, self.failures = log, name, failures
        log.append(f"{name} made")

    async def watch(self, what: WatchSet) -> None:
        code = self.failures.pop(0) if self.failures else None
        if code is not None:
            self.log.append(f"{self.name} failed")
            raise SourceFailed(code, f"it is {code}")

    async def barrier(self, timeout: float) -> bool:
        return True

    async def check_new_folders(self, timeout: float) -> None:
        self.log.append(f"{self.name} checked")

    async def stop(self) -> None:
        self.log.append(f"{self.name} stopped")


def supervised_over(
    log: list[str], hinted: Hinted, failures: list[FailureCode | None], emits: list[Emit]
) -> SupervisedSource:
    def make_native(emit: Emit) -> Failing:
        emits.append(emit)
        return Failing(log, "native", failures)

    return SupervisedSource(
        hinted, make_native, lambda _: Failing(log, "net", []), lambda _: Failing(log, "polling", [])
    )


async def test_polling_stands_in_and_native_watching_is_tried_at_growing_intervals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def quick(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", quick)
    log: list[str] = []
    hinted = Hinted()
    source = supervised_over(log, hinted, ["watchLimit"] * 15, [])
    await source.watch(WatchSet())
    assert source.backend == "polling"
    assert source.failure is not None and source.failure.code == "watchLimit"
    assert not await source.barrier(1)
    await hinted.until(lambda: source.backend == "native" and hinted.all[-1].suspect and source.failure is None)
    await source.stop()
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert pauses[12:] == [300.0, 300.0, 300.0]
    assert log.count("polling made") == 1, "polling goes on undisturbed while native watching is tried"
    assert log[-4:] == ["polling stopped", "net made", "native stopped", "net stopped"]
    assert all(hints.suspect for hints in hinted.all)


async def test_a_source_that_dies_is_replaced_and_what_it_may_have_lost_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervised, "_FIRST_RETRY_S", 0.001)
    log: list[str] = []
    hinted, emits = Hinted(), list[Emit]()
    source = supervised_over(log, hinted, [], emits)
    await source.watch(WatchSet())
    assert (source.backend, await source.barrier(1)) == ("native", True)
    emits[0](Hints(suspect=True, failure=SourceFailed("backendFailed", "it died")))
    await hinted.until(lambda: len(emits) == 2 and source.failure is None and len(hinted.all) >= 3)
    assert source.backend == "native"
    await source.stop()
    assert log == [
        "native made", "net made",
        "native stopped", "net stopped", "polling made",
        "native made", "polling stopped", "net made",
        "native stopped", "net stopped",
    ]  # fmt: skip


async def test_stop_ends_the_attempts() -> None:
    log: list[str] = []
    tasks = asyncio.all_tasks()
    source = supervised_over(log, Hinted(), ["watchLimit"] * 99, [])
    await source.watch(WatchSet())
    assert asyncio.all_tasks() != tasks
    await source.stop()
    assert asyncio.all_tasks() == tasks
    assert log[-1] == "polling stopped"


_WATCHFILES = Pacing(0.02, 0.2, 0.02, "watchfiles")


class Deaf(WatchfilesSource):
    """A native source that loses every hint."""

    def __init__(self, emit: Emit, is_relevant: Callable[[str], bool], *, step: float) -> None:
        super().__init__(lambda _: None, is_relevant, step=step)


@pytest.mark.parametrize(
    "act",
    [
        lambda root: (root / "new").write_text("1"),
        lambda root: (root / "one.py").write_text("edited"),
        lambda root: (root / "one.py").unlink(),
        lambda root: os.rename(root / "d", root / "e"),
    ],
    ids=["created", "modified", "deleted", "moved"],
)
async def test_the_safety_net_finds_a_change_without_hints(
    act: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "d").mkdir()
    for name in ("one.py", "d/two.py"):
        (tmp_path / name).write_text("1")
        os.utime(tmp_path / name, (1e9, 1e9))
    monkeypatch.setattr(native_module, "WatchfilesSource", Deaf)
    monkeypatch.setattr(make, "SAFETY_NET_FLOOR_S", 0.05)
    monkeypatch.setattr(make, "SAFETY_NET_RATIO", 1.0)
    async with piping([tmp_path], pacing=_WATCHFILES) as (reported, pipeline):
        before = set(await pipeline.files())
        act(tmp_path)
        after = set(state_of(str(tmp_path)))
        await reported.until(lambda: bool(reported.net()))
        assert {path for path, kind in reported.net().items() if kind == "created"} == after - before
        assert {path for path, kind in reported.net().items() if kind == "deleted"} == before - after


async def test_without_the_safety_net_a_deaf_source_reports_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_net: None
) -> None:
    """So the test above can fail."""
    monkeypatch.setattr(native_module, "WatchfilesSource", Deaf)
    async with piping([tmp_path], pacing=_WATCHFILES) as (reported, pipeline):
        (tmp_path / "new").write_text("1")
        async with piping([tmp_path], pacing=None) as (_, other):
            await other.sync()
        assert reported.net() == {}
        await pipeline.sync()
        assert reported.net() == {str(tmp_path / "new"): "created"}, "a sync looks at everything where loss goes unseen"
