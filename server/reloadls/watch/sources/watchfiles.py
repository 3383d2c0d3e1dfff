"""Hints from the operating system through watchfiles.

One instance watches trees, another single folders. When the watch set changes, a new instance replaces the old one.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable

from reloadls.watch.snapshot.roots import WatchSet
from reloadls.watch.sources.base import Backend, Hints, RecursiveSource, SourceFailed
from reloadls.watch.sources.watchfiles_instance import WatchfilesInstance, failure_of

__all__ = ["WatchfilesSource"]

_HANDOVER_S = 1.0
"""How long, in seconds, an instance may take to emit its last hints before another one replaces it."""


class WatchfilesSource(RecursiveSource):
    """Watches trees and single folders through the operating system's notifications.

    Args:
        emit: called with hints, on the event loop.
        is_relevant: whether a path matters; called on the source's threads.
        step: how long, in seconds, watchfiles sleeps between two looks at its queue. A hint arrives one to two steps
            after the change, and an idle watcher wakes up once a step.
    """

    backend: Backend = "native"
    reports_loss = False

    def __init__(self, emit: Callable[[Hints], None], is_relevant: Callable[[str], bool], *, step: float) -> None:
        self._emit = emit
        self._is_relevant = is_relevant
        self._step_ms = max(1, round(step * 1000))
        self._loop = asyncio.get_running_loop()
        self._trees: WatchfilesInstance | None = None
        self._folders: WatchfilesInstance | None = None

    async def watch(self, what: WatchSet) -> None:
        """See `Source.watch`. A missing path is polled, and hinted when it appears."""
        try:
            self._trees = await self._renew(self._trees, what.trees, recursive=True)
            self._folders = await self._renew(self._folders, what.folders, recursive=False)
        except SourceFailed:
            await self.stop()
            raise

    async def barrier(self, timeout: float) -> bool:
        """See `Source.barrier`. The event of a file created in a private, watched folder follows all earlier events."""
        instances = [instance for instance in (self._trees, self._folders) if instance is not None]
        answers = await asyncio.gather(*(instance.barrier(timeout) for instance in instances))
        return all(answers)

    async def check_new_folders(self, timeout: float) -> None:
        """See `Source.check_new_folders`. watchfiles does not report a full table of watches."""
        if self._trees is not None and await self._trees.misses_new_folders(timeout):
            error = OSError(errno.ENOSPC, "a new folder is not watched")
            self._emit(Hints(at=time.monotonic(), suspect=True, failure=failure_of(error)))

    async def stop(self) -> None:
        """See `Source.stop`."""
        old = [instance for instance in (self._trees, self._folders) if instance is not None]
        self._trees = self._folders = None
        await asyncio.gather(*(instance.stop() for instance in old))

    async def _renew(
        self, old: WatchfilesInstance | None, paths: frozenset[str], *, recursive: bool
    ) -> WatchfilesInstance | None:
        """Start a new instance before the old one ends, and let the old one emit its last hints: no change is lost."""
        if old is not None and old.watches(paths):
            return old
        new = None
        if paths:
            new = WatchfilesInstance(
                self._emit_threadsafe, self._is_relevant, self._step_ms, paths, recursive=recursive
            )
            await new.start()
        if old is not None:
            if new is not None and not await old.barrier(_HANDOVER_S):
                self._emit(Hints(at=time.monotonic(), suspect=True))
            await old.stop()
        return new

    def _emit_threadsafe(self, hints: Hints) -> None:
        """Emit hints from an instance's thread."""
        try:
            self._loop.call_soon_threadsafe(self._emit, hints)
        except RuntimeError:  # the loop is closed
            return
