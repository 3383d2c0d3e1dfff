"""The Linux source: what it watches, what it never does, and what it does when the kernel has lost something."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("Linux only", allow_module_level=True)

from reloadls.watch.disk.guarded import GuardedDisk
from reloadls.watch.flush import Pacing
from reloadls.watch.pipeline import Pipeline
from reloadls.watch.sources.ancestors import ancestor_watches
from reloadls.watch.sources.linux.kernel import Kernel
from tests.support.disk import state_of
from tests.support.losses import difference
from tests.support.watching import DEADLINE, piping, watching

_QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")
_USUAL_QUEUE = 16384
_PACING = Pacing(0.02, 0.2, 0.02, "inotify")


@contextlib.contextmanager
def queue_of(length: int) -> Iterator[None]:
    """New instances have a queue of `length` events."""
    before = max(int(_QUEUE.read_text()), _USUAL_QUEUE)  # a test that was killed may have left a short one
    try:
        _QUEUE.write_text(str(length))
    except OSError as error:
        pytest.skip(f"the queue's length can't be set here: {error}")
    try:
        yield
    finally:
        _QUEUE.write_text(str(before))


def watched(pipeline: Pipeline) -> int:
    """How many folders the kernel watches for it."""
    assert pipeline.kernel is not None
    return pipeline.kernel.watches


def voluntary_switches() -> int:
    """How often any thread of this process has gone to sleep."""
    total = 0
    for thread in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{thread}/status") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("voluntary"))
    return total


async def test_it_is_what_a_watcher_on_linux_uses(tmp_path: Path) -> None:
    async with piping([tmp_path]) as (_, pipeline):
        assert pipeline.kernel is not None
        assert pipeline.status.backend == "native"


async def test_ignored_folders_are_never_watched(tmp_path: Path) -> None:
    for name in ("src/a/b", "node_modules/x/y", ".git/objects/00", "build/out"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / ".gitignore").write_text("build/\n")
    async with piping([tmp_path], pacing=_PACING) as (reported, pipeline):
        with_src = watched(pipeline)
        (tmp_path / "node_modules" / "z").mkdir()
        (tmp_path / "src" / "c").mkdir()
        await pipeline.sync()
        assert watched(pipeline) == with_src + 1
        shutil.rmtree(tmp_path / "src" / "c")
        shutil.rmtree(tmp_path / "node_modules")
        await pipeline.sync()
        assert watched(pipeline) == with_src
        shutil.rmtree(tmp_path / "src")
        await pipeline.sync()
        assert watched(pipeline) == with_src - 3
        (tmp_path / ".gitignore").write_text("")
        await pipeline.sync()
        assert watched(pipeline) == with_src - 3 + 2, "what counts again is watched again"
        (tmp_path / "build" / "out" / "new").write_text("1")
        await reported.until(lambda: reported.has(tmp_path / "build" / "out" / "new"))


async def test_a_folder_that_is_moved_is_watched_under_its_new_name_only(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    async with piping([tmp_path], pacing=_PACING) as (reported, pipeline):
        before = watched(pipeline)
        for number in range(5):
            os.rename(tmp_path / ("a" if number == 0 else f"c{number - 1}"), tmp_path / f"c{number}")
        await pipeline.sync()
        assert watched(pipeline) == before
        (tmp_path / "c4" / "b" / "file").write_text("1")
        await reported.only({str(tmp_path / "c4" / "b" / "file"): "created"}, tmp_path / "sentinel")


async def test_looking_gives_no_hints(tmp_path: Path) -> None:
    """Or a look would lead to the next one, for ever."""
    for number in range(20):
        (tmp_path / f"d{number}").mkdir()
        (tmp_path / f"d{number}" / "file").write_text("1")
    async with piping([tmp_path], pacing=_PACING) as (_, pipeline):
        kernel = pipeline.kernel
        assert kernel is not None
        for _ in range(3):
            await pipeline.rescope(pipeline.scope)
        for number in range(20):
            (tmp_path / f"d{number}" / "file").read_text()
            os.listdir(tmp_path / f"d{number}")
        await kernel.drain()
        assert (kernel.events, pipeline.health.hints) == (0, 0)


async def test_an_idle_watcher_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("1")
    async with piping([tmp_path], pacing=Pacing(0.001, 0.1, 0.02, "inotify")):
        for _ in range(50):
            await asyncio.sleep(0)  # what start has left to do
        woken: list[int] = []
        while not woken or (woken[-1] > 5 and len(woken) < 20):  # threads of earlier tests may still be ending
            before = voluntary_switches()
            await asyncio.sleep(0.5)  # is what is tested
            woken.append(voluntary_switches() - before)
        assert woken[-1] <= 5, woken


async def test_sync_does_not_look_at_everything(tmp_path: Path) -> None:
    async with piping([tmp_path], pacing=_PACING) as (reported, pipeline):
        for number in range(10):
            (tmp_path / f"f{number}").write_text("1")
            await pipeline.sync()
            assert reported.has(tmp_path / f"f{number}")
        assert pipeline.health.reconciles["everything"] == 0


# -- an overflow ---------------------------------------------------------------------------------------------


def _create(root: Path) -> None:
    for number in range(3000):
        (root / f"d{number % 10}" / f"f{number}").write_text("1")


def _folders(root: Path) -> None:
    for number in range(700):
        folder = root / f"new{number}" / "a" / "b"
        folder.mkdir(parents=True)
        (folder / "file").write_text("1")


def _move(root: Path) -> None:
    for turn in range(200):
        for number in range(10):
            old, new = root / f"d{number}", root / f"e{number}"
            if turn % 2:
                old, new = new, old
            os.rename(old, new)
            (new / f"in{turn}").write_text("1")


def _delete(root: Path) -> None:
    shutil.rmtree(root / "much")


@pytest.mark.alone
@pytest.mark.parametrize("act", [_create, _folders, _move, _delete])
async def test_changes_lost_in_an_overflow_are_found(act: Callable[[Path], None], tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"d{number}").mkdir()
    for number in range(1000):
        (tmp_path / "much" / f"d{number}").mkdir(parents=True)
        (tmp_path / "much" / f"d{number}" / "file").write_text("1")
    with queue_of(512):
        async with piping([tmp_path], pacing=_PACING) as (reported, pipeline):
            before = state_of(str(tmp_path))
            act(tmp_path)  # the loop stands still meanwhile
            await pipeline.sync()
            assert pipeline.kernel is not None and pipeline.kernel.overflows >= 1
            assert reported.net() == difference(before, state_of(str(tmp_path)))
            reported.clear()
            overflows = pipeline.kernel.overflows
            paths = [folder / "after" for folder in sorted(tmp_path.glob("*")) if folder.is_dir()][:20]
            for path in paths:
                path.write_text("1")
            await reported.only({str(path): "created" for path in paths}, tmp_path / "sentinel")
            assert pipeline.kernel.overflows == overflows


@pytest.mark.alone
async def test_a_queue_that_overflows_again_and_again_is_no_livelock(tmp_path: Path) -> None:
    with queue_of(512):
        async with piping([tmp_path], pacing=_PACING) as (reported, pipeline):
            for number in range(30):
                for file in range(300):
                    (tmp_path / f"f{file}").write_text(str(number))
                await asyncio.sleep(0)
            await pipeline.sync()
            assert pipeline.kernel is not None and pipeline.kernel.overflows >= 1
            assert reported.net() == {str(tmp_path / f"f{file}"): "created" for file in range(300)}
            looks = pipeline.health.reconciles["everything"]
            await reported.settle(tmp_path / "sentinel")
            await reported.settle(tmp_path / "sentinel")
            assert pipeline.health.reconciles["everything"] <= looks + 1


# -- several watchers --------------------------------------------------------------------------------------------


async def test_watchers_that_share_an_instance_share_its_watches(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"d{number}").mkdir()
    kernel = Kernel()
    reported: list[list[str]] = [[], []]
    from reloadls.watch.flush import Flush
    from reloadls.watch.scope.scope import Scope

    def pipeline_of(mine: list[str], exclude: list[str]) -> Pipeline:
        async def deliver(flush: Flush) -> None:
            mine.extend(change.path.name for change in flush.changes)

        return Pipeline(Scope([tmp_path], exclude=exclude), deliver, pacing=_PACING, kernel=lambda: kernel)

    one, two = pipeline_of(reported[0], []), pipeline_of(reported[1], ["d9"])
    await one.start()
    alone = kernel.watches
    await two.start()
    assert kernel.watches == alone
    for name in ("d0/x", "d9/y"):
        (tmp_path / name).write_text("1")
    await one.sync()
    await two.sync()
    assert (sorted(reported[0]), sorted(reported[1])) == (["x", "y"], ["x"])
    await one.stop()
    assert kernel.watches == alone - 1, "only one wanted d9"
    (tmp_path / "d0" / "z").write_text("1")
    await two.sync()
    assert reported[1] == ["x", "z"]
    await two.stop()
    assert kernel.closed


# -- what is above a root --------------------------------------------------------------------------------------------


def test_the_watches_of_a_paths_ancestors(tmp_path: Path) -> None:
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    root = str(tmp_path / "link" / "inner")
    found = ancestor_watches([root], GuardedDisk())
    assert set(found) >= {"/", str(tmp_path), str(tmp_path / "real"), str(tmp_path / "real" / "inner")}
    assert found[str(tmp_path)].names == {"link": {root}}
    assert found[str(tmp_path / "real")].names == {"inner": {root}}
    assert all(root in meaning.paths for meaning in found.values())


def test_a_missing_path_is_watched_through_its_nearest_folder(tmp_path: Path) -> None:
    root = str(tmp_path / "a" / "b")
    found = ancestor_watches([root], GuardedDisk())
    assert found[str(tmp_path)].names == {"a": {root}}
    assert str(tmp_path / "a") not in found


def test_links_in_circles_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert ancestor_watches([str(tmp_path / "a" / "x")], GuardedDisk())[str(tmp_path)].names


@pytest.mark.parametrize("depth", [1, 2, 3])
async def test_an_ancestor_that_is_deleted_and_created_again(depth: int, tmp_path: Path) -> None:
    root = tmp_path / "a" / "b" / "c"
    root.mkdir(parents=True)
    (root / "file").write_text("1")
    at = [root, root.parent, root.parent.parent][depth - 1]
    async with watching([root], source="inotify") as reported:
        os.rename(at, tmp_path / "away")
        await reported.until({str(root / "file"): "deleted"})
        reported.clear()
        root.mkdir(parents=True)
        (root / "other").write_text("1")
        await reported.until({str(root / "other"): "created"})
        reported.clear()
        shutil.rmtree(at)
        await reported.until({str(root / "other"): "deleted"})
        reported.clear()
        os.rename(tmp_path / "away", at)
        await reported.until({str(root / "file"): "created"})
        (root / "file").write_text("more")
        await reported.until(lambda: reported.net() == {str(root / "file"): "created"} and len(reported.batches) >= 2)


async def test_a_barrier_passes_while_others_read_what_it_waits_for(tmp_path: Path) -> None:
    """What the loop itself reads meanwhile counts as passed."""
    async with piping([tmp_path], pacing=_PACING) as (_, pipeline):
        kernel = pipeline.kernel
        assert kernel is not None
        for number in range(5000):
            (tmp_path / f"f{number}").touch()
        async with asyncio.timeout(DEADLINE):
            assert all(await asyncio.gather(*(kernel.drain() for _ in range(10))))


@pytest.mark.parametrize(
    ("acts", "is_reported"),
    [
        (["mkdir", "rmdir", "link"], True),
        (["mkdir", "rmdir", "file"], True),
        (["link", "unlink", "mkdir"], False),
        (["mkdir", "rmdir", "link", "unlink", "mkdir"], False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
async def test_the_last_kind_of_a_name_within_one_read_counts(
    acts: list[str], is_reported: bool, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / ".gitignore").write_text("out/\n")
    (tmp_path / "target").write_text("1")
    out = root / "out"
    act: dict[str, Callable[[], object]] = {
        "mkdir": out.mkdir,
        "rmdir": out.rmdir,
        "link": partial(out.symlink_to, tmp_path / "target"),
        "file": partial(out.write_text, "1"),
        "unlink": out.unlink,
    }
    async with watching([root], source="inotify") as reported:
        for name in acts:
            act[name]()
        await reported.only({str(root / "out"): "created"} if is_reported else {}, root / "sentinel")
