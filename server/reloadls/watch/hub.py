"""Who watches what together: those who want the same share one pipeline and one journal."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from reloadls.watch.flush import Flush, Pacing
from reloadls.watch.journal import Cursor, Journal
from reloadls.watch.pipeline import Pipeline
from reloadls.watch.scope.scope import Scope
from reloadls.watch.state.keeper import Keeper
from reloadls.watch.status import WatchStatus

if TYPE_CHECKING:
    from reloadls.watch.sources.linux.kernel import Kernel

__all__ = ["Channel", "Subscriber", "WatchHub", "Wish"]

_log = logging.getLogger(__name__)
_MOST_LINGERING = 16
"""Channels that go on at most although nobody listens to them."""
_ROOM = 16
"""Descriptors that must be left when a channel begins: it takes up to six, and others are needed meanwhile."""
_CLOSE_S = 2.0
"""How long, in seconds, an ending channel waits for its disk thread to close what it keeps."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to be told of, and when."""

    scope: Scope
    pacing: Pacing


class Subscriber(Protocol):
    """Who is told. Called on the event loop; nothing here waits for it."""

    def on_batch(self) -> None:
        """The journal has gone on: its cursor may have something to take."""

    def on_status(self) -> None:
        """How watching goes has changed."""

    def on_scan(self, begins: bool, scanned: Callable[[], int]) -> None:
        """Everything is being read, or has been; `scanned` says how many files have been seen so far."""


class Channel:
    """One pipeline and its journal, for all whose wish is the same.

    What the pipeline finds goes into the journal, and everyone has a cursor of their own in it: nobody waits for a slow
    one.
    """

    def __init__(self, hub: WatchHub, wish: Wish, keeper: Keeper | None) -> None:
        self._hub = hub
        self._keeper = keeper
        self._cursors: dict[Subscriber, Cursor] = {}
        self._begun: asyncio.Task[None] | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._ended = False
        self.wish = wish
        self.journal = Journal()
        self.pipeline = Pipeline(
            wish.scope,
            self._deliver,
            pacing=wish.pacing,
            on_status=lambda _: self._each("on_status"),
            on_scan=self._on_scan,
            kernel=hub.kernel,
        )

    @property
    def status(self) -> WatchStatus:
        """How watching goes, what keeps the journal included."""
        status = self.pipeline.status
        if self._keeper is None or self._keeper.problem is None:
            return status
        return WatchStatus(status.state, status.backend, status.roots, (*status.problems, self._keeper.problem))

    @property
    def subscribers(self) -> int:
        """How many are told."""
        return len(self._cursors)

    @property
    def running(self) -> bool:
        """Whether watching works."""
        return self._begun is not None and self._begun.done() and not self._ended

    async def _begin(self) -> None:
        known = None
        if self._keeper is not None:
            self.journal, known = await self._keeper.open(self.pipeline, self.wish.scope)
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
            except TimeoutError:  # it is closed after the call to the disk that is under way
                _log.warning(
                    "the state of %s is not closed within %g s", ", ".join(self.wish.scope.roots[:3]), _CLOSE_S
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
                _log.exception("somebody could not be told; the others are")


class WatchHub:
    """All watching of one process. Made and used on one event loop.

    Args:
        linger: for how many seconds a channel that nobody listens to goes on, so that who comes back finds its clock.
        state_folder: where to keep what was told, so that what changes while nobody watches is told later; None keeps
            nothing.
    """

    def __init__(self, *, linger: float = 0.0, state_folder: str | os.PathLike[str] | None = None) -> None:
        self._linger = linger
        self._state_folder = None if state_folder is None else os.fspath(state_folder)
        self._channels: dict[Wish, Channel] = {}
        self._kernel: Kernel | None = None
        self._ends: set[asyncio.Task[None]] = set()

    @property
    def channels(self) -> list[Channel]:
        """All there are, those that linger included."""
        return list(self._channels.values())

    def kernel(self) -> Kernel:
        """The process's one inotify instance."""
        from reloadls.watch.sources.linux.kernel import Kernel  # noqa: PLC0415 - there is none but on Linux

        if self._kernel is None or self._kernel.closed:
            self._kernel = Kernel()
        return self._kernel

    async def join(self, wish: Wish, subscriber: Subscriber) -> tuple[Channel, Cursor]:
        """Tell `subscriber` what `wish` asks for from now on; returns when watching works.

        The cursor stands where watching was when `subscriber` came; what had changed while nobody watched is after it
        for whoever comes first.
        """
        channel = self._channels.get(wish) or self._left_over(wish)
        if channel is None:
            await self._make_room()
        channel = self._channels.get(wish) or channel
        if channel is None:
            keeper = None if self._state_folder is None else Keeper(self._state_folder)
            channel = self._channels[wish] = Channel(self, wish, keeper)
        try:
            return channel, await channel._join(subscriber)
        except BaseException:
            await self.leave(channel, subscriber)
            raise

    async def leave(self, channel: Channel, subscriber: Subscriber) -> None:
        """Tell `subscriber` nothing more; a channel without any ends, at once or after a while."""
        cursor = channel._cursors.pop(subscriber, None)
        if cursor is not None:
            cursor.close()
        if channel._cursors or channel._ending is not None:
            return
        failed = channel._begun is not None and channel._begun.done() and channel._begun.exception() is not None
        if self._linger > 0 and not failed:
            loop = asyncio.get_running_loop()
            channel._ending = loop.call_later(self._linger, lambda: self._spawn(self._end(channel)))
            self._end_lingering(but=_MOST_LINGERING)
        else:
            await asyncio.shield(self._spawn(self._end(channel)))

    def give_up_lingering(self) -> None:
        """End all channels that nobody listens to: the process has few descriptors left."""
        self._end_lingering(but=0)

    async def _make_room(self) -> None:
        """Before a new channel: those that linger are given up if descriptors run out, as it takes some."""
        if not _has_room() and any(channel._ending is not None for channel in self.channels):
            _log.warning("few descriptors are left: watching for clients that have left ends early")
            self.give_up_lingering()
            await self.settle()

    def _end_lingering(self, *, but: int) -> None:
        """End the channels that have lingered longest, all `but` so many: each has descriptors and a thread."""
        lingering = [(channel._ending.when(), channel) for channel in self.channels if channel._ending is not None]
        lingering.sort(key=lambda entry: entry[0])
        for _, channel in lingering[: max(0, len(lingering) - but)]:
            if self._channels.get(channel.wish) is channel:
                del self._channels[channel.wish]
            self._spawn(self._end(channel))

    def alone(self, channel: Channel, wish: Wish) -> bool:
        """Whether `channel` can be made to fulfil `wish` instead, since it has one subscriber and there is no other.

        What is kept is one scope's.
        """
        keeps = channel._keeper is not None and wish.scope != channel.wish.scope
        return channel.subscribers == 1 and wish not in self._channels and not keeps

    def rename(self, channel: Channel, wish: Wish) -> None:
        """`channel` fulfils `wish` from now on."""
        if self._channels.get(channel.wish) is channel:
            del self._channels[channel.wish]
        channel.wish = wish
        self._channels[wish] = channel

    def _left_over(self, wish: Wish) -> Channel | None:
        """A channel of this scope that nobody listens to, at another pace: its clocks, and what it keeps, go on."""
        for channel in self.channels:
            if channel.wish.scope == wish.scope and channel.subscribers == 0 and channel.running:
                self.rename(channel, wish)
                self._spawn(channel.pipeline.repace(wish.pacing))
                return channel
        return None

    async def close(self) -> None:
        """End everything."""
        for channel in self.channels:
            self._spawn(self._end(channel))
        await self.settle()

    async def settle(self) -> None:
        """Wait until the channels that are ending have ended."""
        if self._ends:
            await asyncio.wait(self._ends)

    async def _end(self, channel: Channel) -> None:
        if self._channels.get(channel.wish) is channel:
            del self._channels[channel.wish]
        if channel._ending is not None:
            channel._ending.cancel()
        await channel._end()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)
        return task


def _has_room() -> bool:
    """Whether the process can have some more descriptors."""
    opened: list[int] = []
    try:
        opened.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(_ROOM))
    except OSError as error:
        return error.errno not in (errno.EMFILE, errno.ENFILE)
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return True
