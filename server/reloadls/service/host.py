"""What all sessions of one process share: the hub, and messages that are encoded once."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict

from reloadls.protocol import Lag, Metrics
from reloadls.service.encode import PART, encode_part
from reloadls.service.targets.registry import TargetRegistry
from reloadls.watch.hub import Channel, WatchHub
from reloadls.watch.journal import Batch
from reloadls.watch.sources.choose import SourceName
from reloadls.watch.sources.linux.calls import watch_limit

__all__ = ["Host"]

_LARGE = 500
"""More changes than this are encoded off the event loop: it takes about 3 µs each."""
_MOST_KEPT = 8
"""Encoded parts that are kept, the most recently used: all sessions ask for a part at about the same time."""
_Key = tuple[Batch, int, bool]


class Host:
    """The process as its sessions see it. Made and used on one event loop.

    Args:
        hub: all its watching.
        source: which source is used where a client does not ask for polling.
    """

    def __init__(self, hub: WatchHub | None = None, *, source: SourceName = "auto") -> None:
        self.hub = hub or WatchHub()
        self.source: SourceName = source
        self.targets = TargetRegistry(self.hub.kernel)
        self.sessions = 0
        """How many clients there are."""
        self._encoded: OrderedDict[_Key, asyncio.Future[list[bytes]]] = OrderedDict()

    async def close(self) -> None:
        """End everything that is shared."""
        await self.targets.close()
        await self.hub.close()

    async def encode(self, batch: Batch, start: int, *, watched_files: bool) -> list[bytes]:
        """Return a part of a batch as messages; it is encoded once for all sessions that send it at about that time."""
        key = (batch, start, watched_files)
        work = self._encoded.get(key)
        if work is None:
            work = self._encoded[key] = asyncio.ensure_future(_encode(batch, start, watched_files))
            while len(self._encoded) > _MOST_KEPT:
                self._encoded.popitem(last=False)
        else:
            self._encoded.move_to_end(key)
        return await asyncio.shield(work)

    def metrics(self, channel: Channel) -> Metrics:
        """How watching does for those who share `channel`."""
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
