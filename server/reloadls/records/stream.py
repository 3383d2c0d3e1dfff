"""The front door: one subscriber's stream of events about the records of a folder."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import TracebackType
from typing import Any, Final, Literal, Self

from reloadls.base.event import Event
from reloadls.records.clock import Timer
from reloadls.records.errors import RecordError
from reloadls.records.events import NOWHERE, RecordEvent, affects, net_events, notice, snapshot_events
from reloadls.records.feed import Feed
from reloadls.records.filters import RecordFilter
from reloadls.records.hub import RecordHub
from reloadls.records.keys import Key
from reloadls.records.layout import Layout, layout_from, read_layout
from reloadls.records.states.state import Change, RecordState
from reloadls.watch.status import WatchStatus

__all__ = ["RecordStream"]

_BOOKMARK_S: Final = 60.0
"""After how long a silence a bookmark is sent, in seconds."""
_MOST_UNSORTED: Final = 10_000
"""How many changes are kept as they come while nobody reads."""


class RecordStream:
    """The records of a folder as a stream: a snapshot first, then every change. Nothing is lost.

    A record is the file ``FOLDER/KIND/ID.json``, which holds one JSON object. Applied one after the other, the events
    give exactly the records that exist and match. A slow reader receives the net change of each record; it delays
    nobody else.

    Use it as an async context manager and iterate over it, in one task::

        async with RecordStream("tasks", where=["status=open"]) as stream:
            async for event in stream:
                print(event.event_type, event.kind, event.id, event.data)

    Args:
        folder: the folder that holds a folder for each kind; it may come later.
        layout: a `Layout`, the name of a built-in one, a file, or plain data; None: every sub-folder is a kind.
        where: expressions about the data, such as ``"status=open"``; all must match.
        kinds: only these kinds, singular or plural; empty: all.
        since: the clock of the last event that was received: continue from there. If it is not known any more, the
            stream begins with ``reset`` and a snapshot.
        debounce_ms: after which time a change should have been delivered, in milliseconds.
        ids: only these ids; empty: all.
        bookmarks: whether to send a ``bookmark`` after each 60 seconds without another event.
        hub: shares the work with other streams; None: with all of this event loop.
        on_progress: called with (documents read, all documents) while the first stream of a folder starts.
        on_status: called when the status of watching has changed.

    Raises:
        FilterError: an expression or a kind can't be read.
        LayoutError: the layout can't be used.
        RecordError: `debounce_ms` is not greater than 0.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        layout: Layout | str | os.PathLike[str] | Mapping[str, object] | None = None,
        where: Iterable[str] = (),
        kinds: Iterable[str] = (),
        since: str | None = None,
        debounce_ms: float = 20,
        ids: Iterable[str] = (),
        bookmarks: bool = False,
        hub: RecordHub | None = None,
        on_progress: Callable[[int, int], object] | None = None,
        on_status: Callable[[WatchStatus], object] | None = None,
    ) -> None:
        if not 0 < debounce_ms <= 60_000:
            raise RecordError(f"debounce_ms must be greater than 0 and at most 60000, not {debounce_ms!r}")
        self.folder = os.path.abspath(folder)
        self.layout = _layout(layout)
        self._filter = RecordFilter.of(where, kinds, ids, self.layout)
        self._since = since
        self._debounce = debounce_ms / 1000
        self._bookmarks = bookmarks
        self._hub = hub
        self._progress = on_progress
        self._status = on_status
        self._feed: Feed | None = None
        self._snapshot: Iterator[RecordEvent] | None = None
        self._ready: deque[RecordEvent] = deque()
        self._before: dict[Key, RecordState | None] = {}
        """The states, as the reader knows them, of what has changed since."""
        self._unsorted: list[Sequence[Change]] = []
        """Changes of which it is not known yet whether they matter."""
        self._waiting = 0
        self._clock = NOWHERE
        self._wake = Event()
        self._state: Literal["new", "running", "closed"] = "new"
        self._timer: Timer | None = None
        self._reading = False

    # -- life --------------------------------------------------------------------------------------------

    @property
    def clock(self) -> str:
        """Where a later stream continues after what was taken so far."""
        if self._feed is None or self._snapshot is not None or self._ready or self._before or self._unsorted:
            return self._clock
        return self._feed.history.clock

    @property
    def latest_clock(self) -> str:
        """The clock of the newest change, taken or not."""
        return self._clock if self._feed is None else self._feed.history.clock

    @property
    def has_more(self) -> bool:
        """Whether the last `take` had a limit, and left events of the same moment."""
        if self._snapshot is not None:
            following = next(self._snapshot, None)
            self._snapshot = None if following is None else chain([following], self._snapshot)
        return self._snapshot is not None or bool(self._ready)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._state == "closed"

    @property
    def status(self) -> WatchStatus:
        """The status of watching: whether the folder exists and can be read."""
        return WatchStatus("starting", "native") if self._feed is None else self._feed.status

    async def start(self) -> None:
        """Return when the records are known and no later change can be missed.

        Raises:
            RecordFolderError: `folder` is not a folder.
            RuntimeError: the stream was started before.
        """
        if self._state != "new":
            raise RuntimeError("a RecordStream can be started once; create a new one")
        self._state = "running"
        hub = self._hub = self._hub or RecordHub.of_loop()
        feed = await hub.join(self.folder, self.layout, self._debounce, self)
        if self.closed:  # meanwhile
            await hub.leave(feed, self)
            return
        self._feed = feed
        self._unsorted, self._waiting = [], 0
        self._begin(feed)

    async def close(self) -> None:
        """End the stream; a reader that waits is released. Idempotent."""
        self._state = "closed"
        feed, self._feed = self._feed, None
        self._wake.set()
        self._cancel_bookmark()
        if feed is not None and self._hub is not None:
            await self._hub.leave(feed, self)

    async def sync(self) -> None:
        """Return when everything that was written before the call can be read from the stream, by `take`, too.

        Raises:
            RuntimeError: the stream is not running.
        """
        await self._running().sync()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:  # for example cancelled: `__aexit__` will not be called
            await asyncio.shield(asyncio.create_task(self.close(), name="reloadls-records-close"))
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    # -- reading -----------------------------------------------------------------------------------------

    def __aiter__(self) -> Self:
        """Iterate over the events until `close`. One reader at a time; a later one continues.

        Raises:
            RuntimeError: the stream was not started, or another reader waits.
        """
        if self._state == "new":
            raise RuntimeError("a RecordStream must be started before it is read: use 'async with'")
        return self

    async def __anext__(self) -> RecordEvent:
        if self._reading:
            raise RuntimeError("this RecordStream already has a reader")
        self._reading = True
        try:
            while self._state == "running":
                event = self._next()
                if event is not None:
                    return event
                await self.ready()
        finally:
            self._reading = False
        raise StopAsyncIteration

    def take(self, limit: int | None = None) -> list[RecordEvent]:
        """Return the events that can be read without waiting.

        Args:
            limit: the most to return; None: all.

        Raises:
            RuntimeError: the stream is not running.
        """
        self._running()
        events: list[RecordEvent] = []
        while (limit is None or len(events) < limit) and (event := self._next()) is not None:
            events.append(event)
        return events

    async def ready(self) -> None:
        """Return when `take` has something to return, or the stream was closed."""
        while self._state == "running" and not self._has_some():
            self._wake.clear()
            self._set_bookmark()
            await self._wake.wait()

    def _has_some(self) -> bool:
        if self._snapshot is None and not self._ready:
            self._collect()
        return self._snapshot is not None or bool(self._ready)

    def _next(self) -> RecordEvent | None:
        """Return the next event; None if there is none."""
        if self._snapshot is not None:
            event = next(self._snapshot, None)
            if event is not None:
                self._clock = event.clock
                return event
            self._snapshot = None
        if not self._ready:
            self._collect()
        if not self._ready:
            return None
        event = self._ready.popleft()
        self._clock = event.clock
        self._cancel_bookmark()
        return event

    # -- from states to events ---------------------------------------------------------------------------

    def on_changes(self, changes: Sequence[Change]) -> None:
        """See `Subscriber.on_changes`. What matters of them is found out when the reader comes: there may be many."""
        self._unsorted.append(changes)
        self._waiting += len(changes)
        if self._waiting > _MOST_UNSORTED:
            self._sort_out()
        self._wake.set()

    def _sort_out(self) -> None:
        """Note the states before, of the changes that matter to the reader."""
        feed, unsorted = self._feed, self._unsorted
        self._unsorted, self._waiting = [], 0
        if feed is None:
            return
        for changes in unsorted:
            for change in changes:
                if change.key in self._before:
                    if self._before[change.key] == change.after:
                        del self._before[change.key]
                elif affects(self._filter, change.key, change.before, change.after):
                    self._before[change.key] = change.before

    def on_progress(self, read: int, total: int) -> None:
        """See `Subscriber.on_progress`."""
        if self._progress is not None:
            self._progress(read, total)

    def on_status(self, status: WatchStatus) -> None:
        """See `Subscriber.on_status`."""
        if self._status is not None:
            self._status(status)

    def _begin(self, feed: Feed) -> None:
        now, clock = feed.clock.time(), feed.history.clock
        before = None if self._since is None else feed.history.since(self._since)
        if before is not None and self._since is not None:
            self._clock = self._since
            self._before = {
                key: state for key, state in before.items() if affects(self._filter, key, state, feed.states.get(key))
            }
            return
        if self._since is not None:
            self._ready.append(notice("reset", at=now, clock=NOWHERE))
        events = snapshot_events(dict(feed.states), self._filter, feed.layout, at=now, clock=clock)
        self._snapshot = chain(list(self._ready), events)
        self._ready.clear()

    def _collect(self) -> None:
        """Turn what has changed into events; without any, the clock advances."""
        feed = self._feed
        if feed is None:
            return
        clock = feed.history.clock
        self._sort_out()
        if self._before:
            before, self._before = self._before, {}
            now = feed.clock.time()
            self._ready.extend(
                net_events(before, feed.states, self._filter, feed.layout, at=now, since=self._clock, clock=clock)
            )
        if not self._ready:
            self._clock = clock

    # -- bookmarks ---------------------------------------------------------------------------------------

    def _cancel_bookmark(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_bookmark(self) -> None:
        if self._bookmarks and self._feed is not None and self._timer is None:
            self._timer = self._feed.clock.call_later(_BOOKMARK_S, self._bookmark)

    def _bookmark(self) -> None:
        self._timer = None
        if self._feed is not None and not self._has_some():
            self._ready.append(notice("bookmark", at=self._feed.clock.time(), clock=self._feed.history.clock))
            self._wake.set()

    def _running(self) -> Feed:
        if self._feed is None or self._state != "running":
            raise RuntimeError("this RecordStream is not running; use 'async with'")
        return self._feed


def _layout(given: Any) -> Layout:
    if given is None:
        return Layout()
    if isinstance(given, Layout):
        return given
    return layout_from(given) if isinstance(given, Mapping) else read_layout(os.fspath(given))
