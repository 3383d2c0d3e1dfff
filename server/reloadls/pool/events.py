"""What happens in a pool, as a stream."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from weakref import WeakSet

if TYPE_CHECKING:
    from typing import Self

    from .sessions.life import Outcome

__all__ = ["EventKind", "EventStream", "Events", "PoolEvent"]

EventKind = Literal[
    "launched",
    "ended",
    "blocked",
    "draining",
    "closed",
    "failureLimit",
    "memoryWarning",
    "memoryLimit",
    "changeWaits",
    "workerDied",
    "missed",
]

_MOST = 10_000
"""How many events are kept for a subscriber that does not read them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolEvent:
    """One thing that happened."""

    kind: EventKind
    at: float
    """When, in seconds since the epoch."""
    session: str | None = None
    """The id of the session that it is about."""
    outcome: Outcome | None = None
    """How the session ended."""
    message: str = ""
    """A sentence for people, where there is more to say."""


class EventStream:
    """The events of a pool from the moment at which it was asked for; ends when the pool is closed."""

    def __init__(self) -> None:
        self._events: deque[PoolEvent] = deque()
        self._missed = 0
        self._closed = False
        self._news: asyncio.Future[None] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> PoolEvent:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        if self._missed:
            missed, self._missed = self._missed, 0
            return PoolEvent(kind="missed", at=self._events[0].at, message=f"{missed} events were not read in time")
        return self._events.popleft()

    def put(self, event: PoolEvent) -> None:
        """Add an event; the oldest is dropped, and counted, where there are too many."""
        if len(self._events) >= _MOST:
            self._events.popleft()
            self._missed += 1
        self._events.append(event)
        self._wake()

    def close(self) -> None:
        """End the stream after the events that are there."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


class Events:
    """Sends each event to every stream that somebody still holds."""

    def __init__(self) -> None:
        self._streams: WeakSet[EventStream] = WeakSet()
        self._closed = False

    def subscribe(self) -> EventStream:
        """A new stream."""
        stream = EventStream()
        if self._closed:
            stream.close()
        else:
            self._streams.add(stream)
        return stream

    @property
    def wanted(self) -> bool:
        """Whether anybody follows."""
        return len(self._streams) > 0

    def send(self, event: PoolEvent) -> None:
        """Add an event to all streams."""
        for stream in tuple(self._streams):
            stream.put(event)

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        for stream in tuple(self._streams):
            stream.close()
