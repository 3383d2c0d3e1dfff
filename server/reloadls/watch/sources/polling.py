"""Hints from polling, where the system gives no notifications."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from reloadls.watch.snapshot.folder import Entry
from reloadls.watch.snapshot.roots import WatchSet
from reloadls.watch.sources.base import Backend, Hints, RecursiveSource
from reloadls.watch.sources.timing import changed_at

__all__ = ["PollingSource"]

_Dated = Callable[[Sequence[str], float, float], Awaitable[tuple[float, float]]]


class PollingSource(RecursiveSource):
    """Compares the whole scope with the snapshot every `delay`.

    Args:
        emit: called with hints, on the event loop.
        differences: returns the differences from the snapshot: path → current entry. Awaited off the event loop.
        delay: seconds between two polls.
        dated: `changed_at` off the event loop; None calls it here.
        net: whether it is the safety net of another source.
        ratio: the pause after a poll is at least this many times as long as the poll.
    """

    backend: Backend = "polling"
    reports_loss = True

    def __init__(
        self,
        emit: Callable[[Hints], None],
        differences: Callable[[], Awaitable[dict[str, Entry | None]]],
        *,
        delay: float,
        dated: _Dated | None = None,
        net: bool = False,
        ratio: float = 4.0,
    ) -> None:
        self._emit = emit
        self._differences = differences
        self._delay = delay
        self._dated = dated or _dated_here
        self._net = net
        self._ratio = ratio
        self._task: asyncio.Task[None] | None = None

    async def watch(self, what: WatchSet) -> None:
        """See `Source.watch`. The scope itself defines what is polled."""
        if self._task is None:
            self._task = asyncio.create_task(self._poll(), name="reloadls-polling")

    async def barrier(self, timeout: float) -> bool:
        """See `Source.barrier`. Only a comparison of everything can determine that."""
        return False

    async def check_new_folders(self, timeout: float) -> None:
        """See `Source.check_new_folders`. Every poll includes all folders."""

    async def stop(self) -> None:
        """See `Source.stop`."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _poll(self) -> None:
        known: dict[str, Entry | None] = {}
        pause = self._delay
        while True:
            await asyncio.sleep(pause)
            begun = time.monotonic()
            found = await self._differences()
            now = time.monotonic()
            news = tuple(path for path, entry in found.items() if path not in known or known[path] != entry)
            known = found
            if news:
                first, last = await self._dated(news, now, now - begun + pause)
                self._emit(Hints(news, last, first=first, rescan=self._net))
            pause = max(self._delay, self._ratio * (now - begun))


async def _dated_here(paths: Sequence[str], noticed: float, bound: float) -> tuple[float, float]:
    return changed_at(paths, noticed, bound)
