"""A file system that hangs is a reported state of its own; everything else is reported as ever."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import time
import types
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from reloadls.watch.discovery import discover_user_modules
from reloadls.watch.disk import guarded
from reloadls.watch.flush import Pacing
from reloadls.watch.hub import Channel, Subscription, WatchHub
from reloadls.watch.journal import Cursor
from reloadls.watch.pipeline import Pipeline
from reloadls.watch.scope.scope import Scope
from tests.support.fuse import Fuse, mounted, needs_fuse
from tests.support.watching import DEADLINE, SOURCES, WatchRecorder, piping

pytestmark = [needs_fuse, pytest.mark.usefixtures("without_net")]

ON_LINUX = [name for name in SOURCES if name != "watchfiles"]


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a file system that hangs waits less."""
    monkeypatch.setattr(guarded, "_PATIENCE_S", 0.2)
    monkeypatch.setattr(guarded, "_MOST_PATIENCE_S", 0.5)


def pacing(source: str) -> Pacing:
    return Pacing(0.02, 0.2, 0.02, source)  # type: ignore[arg-type]


def timed_out(reported: WatchRecorder) -> list[str]:
    """The paths that the last status says do not answer."""
    status = reported.statuses[-1]
    assert (status.state == "degraded") == bool(status.problems)
    return [str(problem.path) for problem in status.problems if problem.code == "timedOut"]


async def check(
    reported: WatchRecorder, pipeline: Pipeline, fuse: Fuse, *, local: Path, inside: Path, at: Path, hung: bool = False
) -> None:
    """The file system hangs, unless it has already; `local` is reported meanwhile, and `inside` once it returns.

    Args:
        reported: what is reported.
        pipeline: what watches.
        fuse: the file system.
        local: a folder elsewhere.
        inside: a folder on the file system, as the backing folder has it.
        at: the path that the status names.
        hung: whether it hangs.
    """
    if not hung:
        fuse.hang()
    pipeline.hint([str(at)])
    await reported.until(lambda: timed_out(reported) == [str(at)])
    for number in range(3):
        (local / f"f{number}").write_text("1")
        await reported.until(functools.partial(reported.has, local / f"f{number}"))
    async with asyncio.timeout(DEADLINE):
        await pipeline.sync()
    (inside / "meanwhile").write_text("1")
    assert timed_out(reported) == [str(at)]
    fuse.resume()
    await reported.until(lambda: not timed_out(reported))
    assert pipeline.status.state == "watching"
    assert all(root.state in ("watching", "polling") for root in pipeline.status.roots)


@contextlib.asynccontextmanager
async def two_roots(
    tmp_path: Path, source: str, **options: Any
) -> AsyncIterator[tuple[WatchRecorder, Pipeline, Fuse, Path]]:
    local = tmp_path / "local"
    local.mkdir()
    with mounted(tmp_path / "mount") as fuse:
        (fuse.root / "sub").mkdir()
        (fuse.root / "sub" / "known").write_text("1")
        async with piping([local, fuse.root], pacing=pacing(source), **options) as (reported, pipeline):
            yield reported, pipeline, fuse, local


@pytest.mark.parametrize("source", ON_LINUX)
async def test_a_root_that_hangs(source: str, tmp_path: Path) -> None:
    async with two_roots(tmp_path, source) as (reported, pipeline, fuse, local):
        await check(reported, pipeline, fuse, local=local, inside=fuse.backing / "sub", at=fuse.root)
        await reported.until(lambda: reported.net().get(str(fuse.root / "sub" / "meanwhile")) == "created")
        (fuse.root / "sub" / "known").write_text("more")
        await reported.until(lambda: reported.net().get(str(fuse.root / "sub" / "known")) == "modified")


async def test_a_root_that_hangs_is_named_so(tmp_path: Path) -> None:
    async with two_roots(tmp_path, "auto") as (reported, pipeline, fuse, local):
        fuse.hang()
        pipeline.hint([str(fuse.root / "sub")])
        await reported.until(
            lambda: reported.statuses and "timedOut" in [root.state for root in reported.statuses[-1].roots]
        )
        states = {root.path: root.state for root in reported.statuses[-1].roots}
        assert states == {str(local): "watching", str(fuse.root): "timedOut"}
        assert "retrying in" in reported.statuses[-1].problems[0].message


@pytest.mark.parametrize("source", ON_LINUX)
async def test_a_root_that_hangs_at_the_start(source: str, tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.mkdir()
    with mounted(tmp_path / "mount") as fuse:
        (fuse.root / "known").write_text("1")
        fuse.hang()
        begun = time.monotonic()
        async with piping([fuse.root, local], pacing=pacing(source)) as (reported, pipeline):
            assert time.monotonic() - begun < DEADLINE
            assert [root.state for root in pipeline.status.roots] == ["timedOut", "watching"]
            await check(reported, pipeline, fuse, local=local, inside=fuse.backing, at=fuse.root, hung=True)
            await reported.until(lambda: reported.has(fuse.root / "known") and reported.has(fuse.root / "meanwhile"))


@pytest.mark.parametrize("source", ON_LINUX)
async def test_a_mount_inside_a_root(source: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    with mounted(root / "mount", tmp_path / "backing") as fuse:
        (fuse.root / "known").write_text("1")
        async with piping([root], pacing=pacing(source)) as (reported, pipeline):
            await check(reported, pipeline, fuse, local=root, inside=fuse.backing, at=fuse.root)
            await reported.until(lambda: reported.has(fuse.root / "meanwhile"))
            assert not reported.has(fuse.root / "known")


@pytest.mark.parametrize("target", ["file", "folder root", "below a linked folder"])
async def test_a_link_that_leads_there(target: str, tmp_path: Path) -> None:
    local = tmp_path / "local"
    link = (local if target == "file" else tmp_path) / "link"
    local.mkdir()
    with mounted(tmp_path / "mount") as fuse:
        (fuse.root / "sub").mkdir()
        (fuse.root / "sub" / "known").write_text("1")
        link.symlink_to(fuse.root / "sub" / "known" if target == "file" else fuse.root)
        root = {"file": local, "folder root": link, "below a linked folder": link / "sub"}[target]
        at = link if target == "file" else root
        async with piping([root, local], pacing=pacing("auto")) as (reported, pipeline):
            await check(reported, pipeline, fuse, local=local, inside=fuse.backing / "sub", at=at)
            (fuse.root / "sub" / "known").write_text("more")
            expected = {"file": link, "folder root": link / "sub" / "known", "below a linked folder": root / "known"}
            await reported.until(lambda: reported.has(expected[target]))


@pytest.mark.parametrize("what", ["file", "inside"])
async def test_a_root_inside_the_mount(what: str, tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.mkdir()
    with mounted(tmp_path / "mount") as fuse:
        (fuse.root / "sub").mkdir()
        (fuse.root / "sub" / "file").write_text("1")
        root = fuse.root / "sub" / "file" if what == "file" else fuse.root / "sub"
        async with piping([local, root], pacing=pacing("auto")) as (reported, pipeline):
            await check(reported, pipeline, fuse, local=local, inside=fuse.backing / "sub", at=root)
            (fuse.root / "sub" / "file").write_text("more")
            await reported.until(lambda: reported.net().get(str(fuse.root / "sub" / "file")) == "modified")


@pytest.mark.parametrize("operation", ["getattr", "readdir", "opendir", "open", "readlink"])
async def test_some_operations_hang(operation: Any, tmp_path: Path) -> None:
    async with two_roots(tmp_path, "auto") as (reported, pipeline, fuse, local):
        (fuse.root / ".gitignore").write_text("*.tmp")
        (fuse.root / "link").symlink_to("sub/known")
        await reported.until(lambda: reported.has(fuse.root / "link"))
        fuse.block(operation)
        (fuse.backing / ".gitignore").write_text("*.log")
        pipeline.hint([str(fuse.root)])
        await reported.until(
            lambda: str(fuse.root) in timed_out(reported) or str(fuse.root / "link") in timed_out(reported)
        )
        (local / "a").write_text("1")
        await reported.until(lambda: reported.has(local / "a"))
        (fuse.backing / "sub" / "meanwhile").write_text("1")
        fuse.block()
        await reported.until(lambda: not timed_out(reported) and reported.has(fuse.root / "sub" / "meanwhile"))


async def test_stop_and_sync_end_while_it_hangs(tmp_path: Path) -> None:
    async with two_roots(tmp_path, "auto") as (_, pipeline, fuse, _):
        fuse.hang()
        async with asyncio.timeout(DEADLINE):
            pipeline.hint([str(fuse.root)])
            await pipeline.sync()
            await pipeline.rescope(pipeline.scope)
            await pipeline.stop()


async def test_it_is_unmounted_and_mounted_again_while_it_hangs(tmp_path: Path) -> None:
    local, point = tmp_path / "local", tmp_path / "mount"
    local.mkdir()
    with mounted(point) as fuse:
        (fuse.root / "known").write_text("1")
        async with piping([local, point], pacing=pacing("auto")) as (reported, pipeline):
            fuse.hang()
            pipeline.hint([str(point)])
            await reported.until(lambda: timed_out(reported) == [str(point)])
            os.system(f"umount -l {point}")
            await reported.until(lambda: reported.net().get(str(point / "known")) == "deleted")
            with mounted(point, tmp_path / "mount.backing"):
                await reported.until(lambda: reported.net().get(str(point / "known")) != "deleted")
                (point / "new").write_text("1")
                await reported.until(lambda: reported.has(point / "new"))


async def test_a_module_on_a_hung_file_system_is_ignored(tmp_path: Path) -> None:
    with mounted(tmp_path / "mount") as fuse:
        (fuse.root / "far.py").touch()
        (tmp_path / "near.py").touch()
        modules = {name: types.ModuleType(name) for name in ("far", "near")}
        modules["far"].__file__ = str(fuse.root / "far.py")
        modules["near"].__file__ = str(tmp_path / "near.py")
        assert len(discover_user_modules(modules)) == 2
        fuse.hang()
        assert discover_user_modules(modules) == [tmp_path / "near.py"]


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_the_default_state_folder(when: str, tmp_path: Path) -> None:
    """What is reported is no longer kept, and that is said; it is reported as before."""
    local = tmp_path / "local"
    local.mkdir()
    with mounted(tmp_path / "mount") as fuse:
        if when == "before":
            (fuse.root / "state").mkdir()
            fuse.hang()
        hub = WatchHub(state_folder=fuse.root / "state")
        member = Member()
        member.channel, member.cursor = await hub.join(Subscription(Scope([local]), pacing("inotify")), member)
        if when == "meanwhile":
            fuse.hang()
        (local / "new").write_text("1")
        async with asyncio.timeout(DEADLINE):
            while (batch := member.cursor.take()) is None:
                member.news.clear()
                await member.news.wait()
        assert [change.path.name for change in batch.changes] == ["new"]
        assert [problem.code for problem in member.channel.status.problems] == ["stateFailed"]
        async with asyncio.timeout(DEADLINE):
            await hub.close()
        fuse.resume()


class Member:
    """A subscriber of the hub."""

    channel: Channel
    cursor: Cursor

    def __init__(self) -> None:
        self.news = asyncio.Event()

    def on_batch(self) -> None:
        self.news.set()

    def on_status(self) -> None: ...

    def on_scan(self, begins: bool, scanned: object) -> None: ...
