"""Random operations on real files, over every source."""

from __future__ import annotations

import asyncio
import os

import pytest

from reloadls.watch.change import FileChange, net_changes
from reloadls.watch.flush import Flush, Pacing
from reloadls.watch.pipeline import Pipeline
from reloadls.watch.scope.scope import Scope
from reloadls.watch.sources.choose import SourceName
from tests.support.machine import OPERATIONS, check
from tests.support.watching import SOURCES


class PipelineTeller:
    """Takes a pipeline's flushes for what is there."""

    def __init__(self, root: str, loop: asyncio.AbstractEventLoop, use: SourceName) -> None:
        self._paused: list[FileChange] | None = None
        self._told: dict[str, str] = {}
        self._loop = loop
        pacing = Pacing(debounce=0.02, max_wait=0.1, poll_delay=0.02, use=use)
        self.pipeline = loop.run_until_complete(self._start(root, pacing))
        self._picture = set(loop.run_until_complete(self.pipeline.files()))

    async def _start(self, root: str, pacing: Pacing) -> Pipeline:
        pipeline = Pipeline(Scope([root], use_gitignore=False), self._deliver, pacing=pacing)
        await pipeline.start()
        return pipeline

    async def _deliver(self, flush: Flush) -> None:
        paths = [change.path for change in flush.changes]
        assert len(paths) == len(set(paths))
        if self._paused is None:
            self._take(flush.changes)
        else:
            self._paused = net_changes([*self._paused, *flush.changes])

    def _take(self, changes: list[FileChange]) -> None:
        for change in changes:
            path = os.fspath(change.path)
            self._told[path] = change.change_type
            if change.change_type == "deleted":
                assert path in self._picture
                self._picture.remove(path)
            else:
                assert (path in self._picture) == (change.change_type == "modified")
                self._picture.add(path)

    @property
    def picture(self) -> set[str]:
        return self._picture

    @property
    def told(self) -> dict[str, str]:
        return self._told

    def sync(self) -> None:
        self._loop.run_until_complete(self.pipeline.sync())

    def pause(self) -> None:
        self._paused = []

    def resume(self) -> None:
        paused, self._paused = self._paused, None
        self._take(paused or [])

    def refresh(self) -> None:
        self._loop.run_until_complete(self.pipeline.rescope(Scope(self.pipeline.scope.roots, use_gitignore=False)))

    def leave(self) -> None:
        self._loop.run_until_complete(self.pipeline.stop())


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.timeout(1500)
def test_what_was_told_equals_what_is_there(source: SourceName) -> None:
    loop = asyncio.new_event_loop()
    try:
        # The service's random test does the whole number over this same pipeline.
        check(lambda root: PipelineTeller(root, loop, source), operations=OPERATIONS // 10)
    finally:
        loop.close()
