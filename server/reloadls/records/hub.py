"""Which streams share a feed: those of one folder, layout and debounce on one event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from reloadls.base.paths import absolute
from reloadls.records.clock import Clock, SystemClock
from reloadls.records.errors import RecordFolderError
from reloadls.records.feed import Feed, Subscriber
from reloadls.records.layout import Layout
from reloadls.watch.sources.choose import SourceName
from reloadls.watch.state.folder import state_folder

if TYPE_CHECKING:
    from reloadls.watch.sources.linux.kernel import Kernel

__all__ = ["RecordHub"]

_Key = tuple[str, str, float]

_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, RecordHub] = WeakKeyDictionary()
"""Event loop → the hub of streams that were given none."""


class RecordHub:
    """All feeds of one event loop: equal streams share the watching, the reading and the history.

    Args:
        clock: what measures time; None: the machine's clock.
        state_folder: where to keep what later streams continue from. None keeps nothing.
        kernel: returns the inotify instance to use; None: each feed creates one.
        source: what produces hints; see `reloadls.FileWatcher`.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        state_folder: str | os.PathLike[str] | None = None,
        kernel: Callable[[], Kernel] | None = None,
        source: SourceName = "auto",
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self._state_folder = None if state_folder is None else os.fspath(state_folder)
        self._kernel = kernel
        self._source: SourceName = source
        self._feeds: dict[_Key, Feed] = {}
        self._closing: dict[_Key, asyncio.Task[None]] = {}

    @classmethod
    def of_loop(cls) -> RecordHub:
        """Return the running event loop's hub, which keeps its state where `reloadls serve` does."""
        loop = asyncio.get_running_loop()
        hub = _hubs.get(loop)
        if hub is None:
            hub = _hubs[loop] = cls(state_folder=state_folder())
        return hub

    @property
    def feeds(self) -> list[Feed]:
        """All feeds."""
        return list(self._feeds.values())

    async def join(
        self, folder: str | os.PathLike[str], layout: Layout, debounce: float, subscriber: Subscriber
    ) -> Feed:
        """Add a subscriber to the feed of `folder`; return when its records are known.

        Raises:
            RecordFolderError: it is not a folder.
        """
        path = absolute(folder)
        if await asyncio.to_thread(_is_other, path):
            raise RecordFolderError(f"{path} is not a folder; must be one that holds a folder for each kind of record")
        key = path, layout.key, debounce
        while (closing := self._closing.get(key)) is not None:  # it still holds the state
            await asyncio.wait([closing])
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = Feed(
                path,
                layout,
                debounce,
                clock=self.clock,
                state_folder=self._state_folder,
                kernel=self._kernel,
                source=self._source,
            )
        try:
            await feed.join(subscriber)
        except BaseException:
            await self.leave(feed, subscriber)
            raise
        return feed

    async def leave(self, feed: Feed, subscriber: Subscriber) -> None:
        """Remove a subscriber. A feed without subscribers ends."""
        feed.subscribers.pop(subscriber, None)
        if feed.subscribers:
            return
        for key, other in list(self._feeds.items()):
            if other is feed:
                del self._feeds[key]
                closing = self._closing[key] = asyncio.create_task(feed.close(), name="reloadls-records-close")
                closing.add_done_callback(partial(self._has_closed, key))
                await asyncio.shield(closing)

    def _has_closed(self, key: _Key, _: object) -> None:
        self._closing.pop(key, None)

    async def close(self) -> None:
        """End all feeds, and wait until they have ended."""
        for feed in self.feeds:
            for subscriber in list(feed.subscribers):
                await self.leave(feed, subscriber)
        if self._closing:
            await asyncio.wait(list(self._closing.values()))


def _is_other(path: str) -> bool:
    return os.path.lexists(path) and not os.path.isdir(path)
