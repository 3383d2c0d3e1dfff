"""Which subscribers share a pipeline and a journal: those with equal subscriptions."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from reloadls.watch.flush import Flush, Pacing
from reloadls.watch.journal import Cursor, Journal
from reloadls.watch.pipeline import Pipeline
from reloadls.watch.scope.scope import Scope
from reloadls.watch.state.keeper import StateKeeper
from reloadls.watch.status import WatchStatus

if TYPE_CHECKING:
    from reloadls.watch.sources.linux.kernel import Kernel

__all__ = ["Channel", "Subscriber", "Subscription", "WatchHub"]

_log = logging.getLogger(__name__)
_MOST_IDLE = 16
"""How many channels without subscribers are kept running."""
_MIN_FREE_DESCRIPTORS = 16
"""Descriptors that must be free before a channel starts: it uses up to six, and others are needed meanwhile."""
_CLOSE_S = 2.0
"""How long, in seconds, an ending channel waits for its disk thread to close the state file."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A scope with its timing: what a subscriber wants to receive, and when."""

    scope: Scope
    pacing: Pacing


class Subscriber(Protocol):
    """Receives notifications of a channel. Called on the event loop; the channel does not wait for it."""

    def on_batch(self) -> None:
        """Called when new batches are available."""

    def on_status(self) -> None:
        """Called when the status has changed."""

    def on_scan(self, begins: bool, scanned: Callable[[], int]) -> None:
        """Called before and after a comparison of the whole scope.

        Args:
            begins: True before, False after.
            scanned: returns the number of files read so far.
        """


class Channel:
    """One pipeline and its journal, shared by all subscribers with an equal subscription.

    The pipeline's changes go into the journal. Each subscriber has its own cursor, so a slow subscriber delays only
    itself.
    """

    def __init__(self, hub: WatchHub, subscription: Subscription, keeper: StateKeeper | None) -> None:
        self._hub = hub
        self._keeper = keeper
        self._cursors: dict[Subscriber, Cursor] = {}
        self._begun: asyncio.Task[None] | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._ended = False
        self.subscription = subscription
        self.journal = Journal()
        self.pipeline = Pipeline(
            subscription.scope,
            self._deliver,
            pacing=subscription.pacing,
            on_status=lambda _: self._each("on_status"),
            on_scan=self._on_scan,
            kernel=hub.kernel,
        )

    @property
    def status(self) -> WatchStatus:
        """The status of watching, including problems with the state file."""
        status = self.pipeline.status
        if self._keeper is None or self._keeper.problem is None:
            return status
        return WatchStatus(status.state, status.backend, status.roots, (*status.problems, self._keeper.problem))

    @property
    def subscribers(self) -> int:
        """The number of subscribers."""
        return len(self._cursors)

    @property
    def running(self) -> bool:
        """Whether watching has started and not ended."""
        return self._begun is not None and self._begun.done() and not self._ended

    async def _begin(self) -> None:
        known = None
        if self._keeper is not None:
            self.journal, known = await self._keeper.open(self.pipeline, self.subscription.scope)
        for subscriber in self._cursors:
            self._cursors[subscriber] = self.journal.cursor()
        await self.pipeline.start(known, report=self._keeper is not None)

    async def _join(self, subscriber: Subscriber) -> Cursor:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        self._cursors[subscriber] = self.journal.cursor()
        if self._begun is None:
            self._begun = asyncio.create_task(self._begin(), name="reloadls-channel")
        await asyncio.shield(self._begun)
        return self._cursors[subscriber]

    async def _end(self) -> None:
        self._ended = True
        if self._begun is not None:
            self._begun.cancel()
            await asyncio.wait([self._begun])
        if self._keeper is not None:
            try:
                async with asyncio.timeout(_CLOSE_S):
                    await self._keeper.close(self.pipeline)
            except TimeoutError:  # it is closed after the running disk call
                _log.warning(
                    "closing the state of %s timed out after %g s; it is closed later",
                    ", ".join(self.subscription.scope.roots[:3]),
                    _CLOSE_S,
                )
        await self.pipeline.stop()

    async def _deliver(self, flush: Flush) -> None:
        if self._keeper is not None and flush.cause == "startup":
            await self._keeper.settle(self.pipeline, self.journal, flush)
        else:
            if flush.rescoped:
                self.journal.forget()
            batch = self.journal.draft(flush.changes, flush.cause) if flush.changes else None
            if self._keeper is not None:
                await self._keeper.save(self.pipeline, self.journal, batch, flush)
            if batch is not None:
                self.journal.add(batch)
        self._each("on_batch")

    def _on_scan(self, begins: bool) -> None:
        for subscriber in list(self._cursors):
            subscriber.on_scan(begins, lambda: self.pipeline.scanned)

    def _each(self, method: str) -> None:
        for subscriber in list(self._cursors):
            try:
                getattr(subscriber, method)()
            except Exception:
                _log.exception("a subscriber raised; the others were notified")


class WatchHub:
    """All channels of one process. Created and used on one event loop.

    Args:
        linger: for how many seconds a channel without subscribers keeps running, so that clients that reconnect can
            continue from their clock.
        state_folder: where to keep snapshots and journals, so that changes made while nothing is watched are reported
            at the next start. None keeps nothing.
    """

    def __init__(self, *, linger: float = 0.0, state_folder: str | os.PathLike[str] | None = None) -> None:
        self._linger = linger
        self._state_folder = None if state_folder is None else os.fspath(state_folder)
        self._channels: dict[Subscription, Channel] = {}
        self._kernel: Kernel | None = None
        self._ends: set[asyncio.Task[None]] = set()

    @property
    def channels(self) -> list[Channel]:
        """All channels, including those without subscribers."""
        return list(self._channels.values())

    def kernel(self) -> Kernel:
        """Return the process's one inotify instance."""
        from reloadls.watch.sources.linux.kernel import Kernel  # noqa: PLC0415 - there is none but on Linux

        if self._kernel is None or self._kernel.closed:
            self._kernel = Kernel()
        return self._kernel

    async def join(self, subscription: Subscription, subscriber: Subscriber) -> tuple[Channel, Cursor]:
        """Add `subscriber` to the channel of `subscription`; return when watching works.

        The cursor starts at the current position. Changes that were made while nothing was watched come after it, for
        the first subscriber only.

        Returns:
            The channel, and the subscriber's cursor in its journal.
        """
        channel = self._channels.get(subscription) or self._idle_channel(subscription)
        if channel is None:
            await self._free_descriptors()
        channel = self._channels.get(subscription) or channel
        if channel is None:
            keeper = None if self._state_folder is None else StateKeeper(self._state_folder)
            channel = self._channels[subscription] = Channel(self, subscription, keeper)
        try:
            return channel, await channel._join(subscriber)
        except BaseException:
            await self.leave(channel, subscriber)
            raise

    async def leave(self, channel: Channel, subscriber: Subscriber) -> None:
        """Remove `subscriber`. A channel without subscribers ends, at once or after `linger` seconds."""
        cursor = channel._cursors.pop(subscriber, None)
        if cursor is not None:
            cursor.close()
        if channel._cursors or channel._ending is not None:
            return
        failed = channel._begun is not None and channel._begun.done() and channel._begun.exception() is not None
        if self._linger > 0 and not failed:
            loop = asyncio.get_running_loop()
            channel._ending = loop.call_later(self._linger, lambda: self._spawn(self._end(channel)))
            self._end_idle(but=_MOST_IDLE)
        else:
            await asyncio.shield(self._spawn(self._end(channel)))

    def end_idle_channels(self) -> None:
        """End all channels without subscribers: the process has few descriptors left."""
        self._end_idle(but=0)

    async def _free_descriptors(self) -> None:
        """Before a new channel starts, end idle ones if descriptors run out."""
        if not _has_descriptors() and any(channel._ending is not None for channel in self.channels):
            _log.warning("few file descriptors are left: ending channels without subscribers early")
            self.end_idle_channels()
            await self.settle()

    def _end_idle(self, *, but: int) -> None:
        """End the channels that have been idle longest, all `but` this many: each has descriptors and a thread."""
        idle = [(channel._ending.when(), channel) for channel in self.channels if channel._ending is not None]
        idle.sort(key=lambda entry: entry[0])
        for _, channel in idle[: max(0, len(idle) - but)]:
            if self._channels.get(channel.subscription) is channel:
                del self._channels[channel.subscription]
            self._spawn(self._end(channel))

    async def change(
        self,
        subscriber: Subscriber,
        subscription: Subscription,
        on_switch: Callable[[Channel, Cursor], Awaitable[None]],
        *,
        refresh: bool = False,
    ) -> None:
        """Replace what `subscriber` receives by what `subscription` asks for. No change made meanwhile is lost.

        A channel that only this subscriber uses is changed in place. Otherwise the subscriber joins another channel
        before it leaves the old one, so a change made in between may be reported by both, but never by none.

        Args:
            subscriber: has joined a channel.
            subscription: what it receives from now on.
            on_switch: awaited with the other channel and its cursor. Everything that the old channel has to report is
                in its journal by then. If it raises, the subscriber stays with the old channel.
            refresh: whether to compare the whole scope even if the subscription stays the same.

        Raises:
            KeyError: `subscriber` has not joined any channel.
        """
        channel = self._channel_of(subscriber)
        if subscription == channel.subscription:
            if refresh:
                await channel.pipeline.rescope(subscription.scope)
        elif self._can_change(channel, subscription):
            await self._change_in_place(channel, subscription)
        else:
            other, cursor = await self.join(subscription, subscriber)
            try:
                await channel.pipeline.sync()
                await on_switch(other, cursor)
            except BaseException:
                await self.leave(other, subscriber)
                raise
            await self.leave(channel, subscriber)

    def _channel_of(self, subscriber: Subscriber) -> Channel:
        for channel in self.channels:
            if subscriber in channel._cursors:
                return channel
        raise KeyError(f"{subscriber!r} has not joined any channel")

    def _can_change(self, channel: Channel, subscription: Subscription) -> bool:
        """Return whether `channel` can serve `subscription`: it has one subscriber, and no other channel serves it.

        A channel that keeps state keeps its scope, since a state file belongs to one scope.
        """
        keeps_scope = channel._keeper is not None and subscription.scope != channel.subscription.scope
        return channel.subscribers == 1 and subscription not in self._channels and not keeps_scope

    async def _change_in_place(self, channel: Channel, subscription: Subscription) -> None:
        before = channel.subscription
        self._rename(channel, subscription)
        if before.pacing != subscription.pacing:
            await channel.pipeline.repace(subscription.pacing)
        if before.scope != subscription.scope:
            await channel.pipeline.rescope(subscription.scope)

    def _rename(self, channel: Channel, subscription: Subscription) -> None:
        """Register `channel` under `subscription` from now on."""
        if self._channels.get(channel.subscription) is channel:
            del self._channels[channel.subscription]
        channel.subscription = subscription
        self._channels[subscription] = channel

    def _idle_channel(self, subscription: Subscription) -> Channel | None:
        """Return a channel of the same scope without subscribers; it keeps its clocks and its state."""
        for channel in self.channels:
            if channel.subscription.scope == subscription.scope and channel.subscribers == 0 and channel.running:
                self._rename(channel, subscription)
                self._spawn(channel.pipeline.repace(subscription.pacing))
                return channel
        return None

    async def close(self) -> None:
        """End all channels."""
        for channel in self.channels:
            self._spawn(self._end(channel))
        await self.settle()

    async def settle(self) -> None:
        """Wait until all ending channels have ended."""
        if self._ends:
            await asyncio.wait(self._ends)

    async def _end(self, channel: Channel) -> None:
        if self._channels.get(channel.subscription) is channel:
            del self._channels[channel.subscription]
        if channel._ending is not None:
            channel._ending.cancel()
        await channel._end()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)
        return task


def _has_descriptors() -> bool:
    """Return whether the process can open some more descriptors."""
    opened: list[int] = []
    try:
        opened.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(_MIN_FREE_DESCRIPTORS))
    except OSError as error:
        return error.errno not in (errno.EMFILE, errno.ENFILE)
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return True
