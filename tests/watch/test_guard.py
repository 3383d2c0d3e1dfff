"""What is looked at again without a hint: refused folders, and what changes before it is watched."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("Linux only", allow_module_level=True)

from reloadls.watch.flush import Pacing
from reloadls.watch.snapshot.roots import WatchSet
from reloadls.watch.sources.linux import inotify
from reloadls.watch.sources.linux.calls import InotifyCalls
from reloadls.watch.sources.linux.inotify import InotifySource
from tests.support.watching import DEADLINE, piping

_RARELY = Pacing(0.02, 0.2, 60.0, "inotify")
"""Polls too rarely to help."""


async def test_a_folder_that_the_kernel_refuses_is_tried_again_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = tmp_path / "refused"
    refused.mkdir()
    real, full, loop = InotifyCalls.add, [True], asyncio.get_running_loop()
    tries: asyncio.Queue[None] = asyncio.Queue()

    def add(self: InotifyCalls, fd: int, path: str, mask: int) -> int:
        if path == os.fspath(refused):
            loop.call_soon_threadsafe(tries.put_nowait, None)
            if full[0]:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        return real(self, fd, path, mask)

    monkeypatch.setattr(InotifyCalls, "add", add)
    monkeypatch.setattr(inotify, "_GUARD_S", 0.02)
    async with piping([tmp_path], pacing=_RARELY) as (reported, pipeline), asyncio.timeout(DEADLINE):
        assert [problem.code for problem in pipeline.status.problems] == ["watchLimit"]
        for _ in range(5):  # again and again, not only once
            await tries.get()
        full[0] = False
        await reported.until(lambda: pipeline.status.problems == ())
        (refused / "file").write_text("1")
        await reported.until({os.fspath(refused / "file"): "created"})


async def test_a_link_that_is_changed_just_before_its_end_is_watched_is_followed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, far, farther = (tmp_path / name for name in ("root", "far", "farther"))
    for folder in (root, far, farther):
        folder.mkdir()
        (folder / "end").write_text("1")
    real, changed = InotifySource.watch, [False]

    async def watch(self: InotifySource, what: WatchSet) -> None:
        if os.fspath(far) in {os.path.dirname(path) for path in what.inside} | what.folders and not changed[0]:
            changed[0] = True
            (far / "next").unlink()
            (far / "next").symlink_to(farther / "end")
        await real(self, what)

    monkeypatch.setattr(InotifySource, "watch", watch)
    (far / "next").symlink_to(far / "end")
    async with piping([root], pacing=_RARELY) as (reported, _):
        (root / "link").symlink_to(far / "next")
        await reported.until({os.fspath(root / "link"): "created"})
        assert changed[0]
        reported.clear()
        (farther / "end").write_text("22")
        await reported.until({os.fspath(root / "link"): "modified"})
