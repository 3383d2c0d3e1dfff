"""Follows files and the program's own mappings, by the watch core."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence

from reloadls.config.source import AnySource
from reloadls.config.sources.mapping import MappingSource
from reloadls.watch.change import FileChange
from reloadls.watch.watcher import FileWatcher

__all__ = ["SourceFollower", "watcher"]

_NO_DEBOUNCE_S = 0.0002
_MAX_WAIT_S = 1.0


def watcher(
    on_change: Callable[[], Awaitable[object]],
    paths: Sequence[str],
    debounce_s: float,
    left_out: Callable[[str], bool] = lambda _: False,
) -> FileWatcher:
    """Return a watcher of files that are configuration: what git ignores counts, too.

    Args:
        on_change: awaited when something has changed.
        paths: the files and folders.
        debounce_s: quiet time, in seconds.
        left_out: whether a change of a path is left to something else.
    """
    debounce_ms = max(debounce_s, _NO_DEBOUNCE_S) * 1000

    async def changed(changes: Sequence[FileChange]) -> None:
        if not all(left_out(os.fspath(change.path)) for change in changes):
            await on_change()

    return FileWatcher(
        changed,
        paths=paths,
        debounce_ms=debounce_ms,
        max_wait_ms=max(_MAX_WAIT_S * 1000, debounce_ms),
        use_gitignore=False,
    )


class SourceFollower:
    """Calls back when a local source may hold something else.

    Args:
        sources: the sources.
        paths: their files and folders.
        on_change: awaited, never twice at once.
        debounce_s: quiet time, in seconds.
        left_out: see `watcher`.
    """

    def __init__(
        self,
        sources: Sequence[AnySource],
        paths: Sequence[str],
        on_change: Callable[[], Awaitable[object]],
        debounce_s: float,
        left_out: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._watcher = watcher(on_change, paths, debounce_s, left_out) if paths else None
        self._mappings = [source for source in sources if isinstance(source, MappingSource)]
        self._on_change = on_change
        self._ends: list[Callable[[], None]] = []
        self._tasks: set[asyncio.Task[object]] = set()

    async def start(self) -> None:
        """Return when no later change is missed."""
        loop = asyncio.get_running_loop()
        for mapping in self._mappings:
            self._ends.append(mapping.subscribe(lambda: loop.call_soon_threadsafe(self._spawn)))
        if self._watcher is not None:
            await self._watcher.start()

    async def stop(self) -> None:
        """End."""
        for end in self._ends:
            end()
        for task in self._tasks:
            task.cancel()
        if self._watcher is not None:
            await self._watcher.stop()

    def _spawn(self) -> None:
        async def call() -> None:
            await self._on_change()

        task: asyncio.Task[object] = asyncio.create_task(call())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
