"""What a program or another machine writes on a file system that it serves is reported: such places are polled, too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reloadls.watch.flush import Pacing
from tests.support.fuse import mounted, needs_fuse
from tests.support.watching import WatchRecorder, piping, watching

pytestmark = [needs_fuse, pytest.mark.usefixtures("without_net")]

PACING = Pacing(debounce=0.02, max_wait=0.2, poll_delay=0.02)


def _roots(reported: WatchRecorder) -> dict[str, str]:
    return {os.path.basename(root.path): root.state for root in reported.statuses[-1].roots}


async def test_a_root_there(tmp_path: Path) -> None:
    with mounted(tmp_path / "mount") as fuse:
        (tmp_path / "local").mkdir()
        (fuse.backing / "a").write_text("1")
        async with piping([fuse.root, tmp_path / "local"], pacing=PACING) as (reported, pipeline):
            assert {root.path: root.state for root in pipeline.status.roots} == {
                str(fuse.root): "polling",
                str(tmp_path / "local"): "watching",
            }
            assert (pipeline.status.state, pipeline.status.problems) == ("watching", ())
            (fuse.backing / "a").write_text("22")  # on the other side
            await reported.until({str(fuse.root / "a"): "modified"})
            reported.clear()
            (fuse.root / "b").write_text("1")  # on ours
            await reported.until({str(fuse.root / "b"): "created"})


async def test_a_mount_inside_a_root_and_one_that_comes(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    with mounted(root / "first", tmp_path / "one") as first:
        async with piping([root], pacing=PACING) as (reported, pipeline):
            (first.backing / "a").write_text("1")
            await reported.until({str(first.root / "a"): "created"})
            reported.clear()
            with mounted(root / "second", tmp_path / "two") as second:
                (second.backing / "b").write_text("1")
                await reported.until({str(second.root / "b"): "created"})
                (second.backing / "b").write_text("22")
                await reported.until({str(second.root / "b"): "created"})
                await pipeline.sync()


@pytest.mark.parametrize("linked", [False, True], ids=["itself", "through a link"])
async def test_a_file_there(linked: bool, tmp_path: Path) -> None:
    with mounted(tmp_path / "mount") as fuse:
        (fuse.backing / "a").write_text("1")
        (tmp_path / "link").symlink_to(fuse.root)
        path = (tmp_path / "link" if linked else fuse.root) / "a"
        async with piping([path], pacing=PACING) as (reported, _):
            (fuse.backing / "a").write_text("22")
            await reported.until({str(path): "modified"})


async def test_sync_sees_the_other_side(tmp_path: Path) -> None:
    slow = Pacing(debounce=60, max_wait=60, poll_delay=60)
    with mounted(tmp_path / "mount") as fuse:
        async with piping([fuse.root], pacing=slow) as (reported, pipeline):
            (fuse.backing / "a").write_text("1")
            await pipeline.sync()
            assert reported.net() == {str(fuse.root / "a"): "created"}


async def test_it_is_polled_no_longer_once_it_is_unmounted(tmp_path: Path) -> None:
    root = tmp_path / "mount"
    root.mkdir()
    async with piping([root], pacing=PACING) as (reported, _):
        with mounted(root) as fuse:
            (fuse.backing / "b").write_text("1")
            await reported.until({str(fuse.root / "b"): "created"})
            await reported.until(lambda: _roots(reported).get("mount") == "polling")
        await reported.until(lambda: _roots(reported).get("mount") == "watching")


async def test_it_can_be_left_aside(tmp_path: Path) -> None:
    with mounted(tmp_path / "mount") as fuse:
        async with watching([fuse.root], force_polling=False, poll_delay_ms=20) as reported:
            (fuse.backing / "hidden").write_text("1")
            (fuse.root / "a").write_text("1")
            await reported.until(lambda: reported.has(fuse.root / "a"))
            assert not reported.has(fuse.root / "hidden") or len(reported.batches) == 1  # with the other, if at all
