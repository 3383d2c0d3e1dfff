"""State shared by all sessions of a process: the hub, running programs, and encoded batches."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

from reloadls.protocol import Lag, Metrics
from reloadls.records import RecordHub
from reloadls.service.encode import PART, encode_part
from reloadls.service.targets.registry import TargetRegistry
from reloadls.watch.hub import Channel, WatchHub
from reloadls.watch.journal import Batch
from reloadls.watch.sources.choose import SourceName
from reloadls.watch.sources.linux.calls import watch_limit

__all__ = ["Host"]

_LARGE = 500
"""Above this many changes, encoding runs on another thread: it takes about 3 µs per change."""
_MOST_KEPT = 8
"""Number of encoded parts kept, most recently used first: all sessions need a part at about the same time."""
_Key = tuple[Batch, int, bool]


class Host:
    """State shared by the sessions of a process. Create and use it on one event loop.

    Args:
        hub: the watch hub; None creates one.
        source: the source of hints for clients that do not ask for polling.
        state_folder: where record streams keep what later ones continue from. None keeps nothing.
    """

    def __init__(
        self, hub: WatchHub | None = None, *, source: SourceName = "auto", state_folder: str | None = None
    ) -> None:
        self.hub = hub or WatchHub()
        self.source: SourceName = source
        self.records = RecordHub(state_folder=state_folder, kernel=self.hub.kernel, source=source)
        self.targets = TargetRegistry(self.hub.kernel)
        self.sessions = 0
        """The number of connected clients."""
        self._encoded: OrderedDict[_Key, asyncio.Future[list[bytes]]] = OrderedDict()
        self._events: OrderedDict[Hashable, asyncio.Future[bytes]] = OrderedDict()

    async def close(self) -> None:
        """Disconnect from all programs and stop all watching."""
        await self.targets.close()
        await self.records.close()
        await self.hub.close()

    async def encode(self, batch: Batch, start: int, *, watched_files: bool) -> list[bytes]:
        """Encode a part of a batch; sessions that ask for the same part share one result.

        Args:
            batch: the batch to send.
            start: the index of the first change.
            watched_files: whether to add `workspace/didChangeWatchedFiles`.

        Returns:
            The message bodies, in the order to send them.
        """
        key = (batch, start, watched_files)
        work = self._encoded.get(key)
        if work is None:
            work = self._encoded[key] = asyncio.ensure_future(_encode(batch, start, watched_files))
            while len(self._encoded) > _MOST_KEPT:
                self._encoded.popitem(last=False)
        else:
            self._encoded.move_to_end(key)
        return await asyncio.shield(work)

    async def shared_events(self, key: Hashable, encode: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
        """Return the encoded events of `key`; subscriptions that ask for the same ones share one result.

        Args:
            key: equal for equal events.
            encode: encodes them.
        """
        work = self._events.get(key)
        if work is None:
            work = self._events[key] = asyncio.ensure_future(encode())
            while len(self._events) > _MOST_KEPT:
                self._events.popitem(last=False)
        return await asyncio.shield(work)

    def metrics(self, channel: Channel) -> Metrics:
        """Collect the metrics of a channel and of the process.

        Args:
            channel: the channel of the session that asks.
        """
        health = channel.pipeline.health
        kernel = channel.pipeline.kernel
        lag = health.lag
        return Metrics(
            hints=health.hints,
            batches=health.batches,
            reconciles=dict(health.reconciles),
            overflows=0 if kernel is None else kernel.overflows,
            watches=None if kernel is None else kernel.watches,
            watch_limit=None if kernel is None else watch_limit(),
            lag_ms=Lag(p50=round(lag.p50 * 1000, 3), p99=round(lag.p99 * 1000, 3)),
            sessions=self.sessions,
            memory_bytes=_memory(),
        )


async def _encode(batch: Batch, start: int, watched_files: bool) -> list[bytes]:
    if min(len(batch.changes) - start, PART) <= _LARGE:
        return encode_part(batch, start, watched_files=watched_files)
    return await asyncio.to_thread(encode_part, batch, start, watched_files=watched_files)


def _memory() -> int | None:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return None
