"""The record subscriptions of one client: which folders they may read, and what they send."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from reloadls.base.event import Event
from reloadls.base.timestamps import utc_text
from reloadls.protocol import InvalidParams, RequestFailed, SyncResult, dumps, from_uri
from reloadls.protocol.records import (
    RecordLayout,
    RecordsSubscribeParams,
    RecordsSubscribeResult,
    RecordsSyncParams,
)
from reloadls.records import (
    FilterError,
    Layout,
    LayoutError,
    RecordEvent,
    RecordFolderError,
    RecordStream,
)
from reloadls.records.filters import parse_where
from reloadls.records.layout import BUILT_IN, layout_from
from reloadls.service.host import Host
from reloadls.wire import methods

__all__ = ["ClientRecords", "encode_events"]

_log = logging.getLogger(__name__)

PART: Final = 500
"""The most events in one message."""
_MOST: Final = 64
"""The most subscriptions of one client."""
_MOST_EXPRESSIONS: Final = 100
"""The most entries of `where`, `kinds` and `ids` each."""
_LARGE: Final = 100
"""Above this many events, encoding runs on another thread."""
_REPLY_TURNS: Final = 8
"""How many turns of the event loop a response may take; the first notification comes after it."""


class Client(Protocol):
    """The connection to a client, as its subscriptions use it."""

    async def send(self, bodies: Iterable[bytes]) -> None:
        """Send encoded messages and wait until the client can receive more."""


@dataclass(eq=False)
class _Subscription:
    """One subscription of the client."""

    name: str
    stream: RecordStream
    key: tuple[object, ...]
    """Equal for streams that send the same events from the same clock on."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    sender: asyncio.Task[None] | None = None
    first: bool = True
    """Whether nothing was sent yet: the first message is sent even without events."""


class ClientRecords:
    """The record subscriptions of one client.

    A subscription sends the contents of files. So its folder must be in the client's workspace, links resolved: no
    client can read other folders by it, nor a layout from a file.

    Args:
        client: the connection.
        host: the state shared with the other sessions of the process.
    """

    def __init__(self, client: Client, host: Host) -> None:
        self._client = client
        self._host = host
        self._subscriptions: dict[str, _Subscription] = {}
        self._number = 0
        self._sending: set[asyncio.Task[None]] = set()
        self._going = Event()
        self._going.set()

    async def subscribe(self, params: RecordsSubscribeParams, roots: Sequence[str]) -> RecordsSubscribeResult:
        """Start a subscription; its first notification follows the response.

        Args:
            params: what to send.
            roots: the client's roots, absolute.

        Raises:
            InvalidParams: a value can't be used.
            RequestFailed: the folder is not in the workspace, or the client has too many subscriptions.
        """
        _check_sizes(params)
        if len(self._subscriptions) >= _MOST:
            raise RequestFailed(f"a client can have at most {_MOST} record subscriptions; end one first")
        folder = _folder(params.uri)
        if not await asyncio.to_thread(_is_inside, folder, tuple(roots)):
            raise RequestFailed("the folder is not in the workspace of this client", uri=params.uri)
        self._number += 1
        name = f"records-{self._number}"
        subscription = self._made(name, folder, params)
        self._subscriptions[name] = subscription
        try:
            await subscription.stream.start()
        except BaseException as error:
            self._subscriptions.pop(name, None)
            if isinstance(error, RecordFolderError):
                raise RequestFailed(str(error), uri=params.uri) from None
            raise
        if name not in self._subscriptions:  # the session has ended meanwhile
            await subscription.stream.close()
            raise RequestFailed("the client's session has ended")
        subscription.sender = asyncio.create_task(self._run(subscription), name="reloadls-records-sender")
        return RecordsSubscribeResult(subscription=name, clock=subscription.stream.latest_clock)

    async def unsubscribe(self, name: str) -> None:
        """End a subscription; nothing of it is sent after the response.

        Raises:
            RequestFailed: there is no such subscription.
        """
        await self._end(self._known(name))

    async def sync(self, params: RecordsSyncParams) -> SyncResult:
        """Return when everything that was written before the call has been sent.

        Raises:
            RequestFailed: no such subscription, the client is paused, or the call timed out.
        """
        subscription = self._known(params.subscription)
        if not self._going.is_set():
            raise RequestFailed("watching is paused; send reload/resume first")
        await _within(self._sync(subscription), params.timeout_ms)
        return SyncResult(subscription.stream.clock)

    def pause(self) -> None:
        """Send nothing until `resume`; then each record's net change."""
        self._going.clear()

    def resume(self) -> None:
        """Go on sending."""
        self._going.set()

    async def keep_inside(self, roots: Sequence[str]) -> None:
        """End the subscriptions whose folder is not in the workspace any more; their last event is ``reset``.

        Args:
            roots: the client's roots, absolute.
        """
        for subscription in list(self._subscriptions.values()):
            if not await asyncio.to_thread(_is_inside, subscription.stream.folder, tuple(roots)):
                await self._end(subscription)
                await self._client.send([_message(subscription.name, _RESET, "c:0:0", partial=False)])

    async def end(self) -> None:
        """End all subscriptions."""
        for sending in self._sending:
            sending.cancel()
        for subscription in list(self._subscriptions.values()):
            await self._end(subscription)

    # -- helpers -----------------------------------------------------------------------------------------

    def _made(self, name: str, folder: str, params: RecordsSubscribeParams) -> _Subscription:
        layout = _layout(params.layout)
        try:
            stream = RecordStream(
                folder,
                layout=layout,
                where=params.where,
                kinds=params.kinds,
                ids=params.ids,
                since=params.since,
                hub=self._host.records,
            )
        except FilterError as error:
            raise InvalidParams(_filter_field(params), str(error)) from None
        return _Subscription(name, stream, (folder, layout.key, params.where, params.kinds, params.ids))

    async def _end(self, subscription: _Subscription) -> None:
        self._subscriptions.pop(subscription.name, None)
        if subscription.sender is not None:
            subscription.sender.cancel()
            await asyncio.wait([subscription.sender])
        await subscription.stream.close()

    def _known(self, name: str) -> _Subscription:
        subscription = self._subscriptions.get(name)
        if subscription is None or subscription.sender is None:
            raise RequestFailed(f"there is no record subscription {name!r:.100}")
        return subscription

    async def _run(self, subscription: _Subscription) -> None:
        for _ in range(_REPLY_TURNS):
            await asyncio.sleep(0)
        try:
            while not subscription.stream.closed:
                await self._going.wait()
                await self._send_in_turn(subscription)
                await subscription.stream.ready()
        except Exception:
            _log.exception("the record subscription %s failed", subscription.name)

    async def _sync(self, subscription: _Subscription) -> None:
        await subscription.stream.sync()
        # What was taken is sent, even if the request is cancelled or times out.
        sending = asyncio.create_task(self._send_in_turn(subscription), name="reloadls-records-sync")
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)
        await asyncio.shield(sending)

    async def _send_in_turn(self, subscription: _Subscription) -> None:
        async with subscription.turn:
            await self._send_pending(subscription)

    async def _send_pending(self, subscription: _Subscription) -> None:
        """Send what can be read, in parts. The caller holds the turn."""
        stream = subscription.stream
        partial = stream.has_more
        while not stream.closed:
            since, continues = stream.clock, partial
            events = stream.take(PART)
            if not events and not continues and not subscription.first:
                return
            partial = bool(events) and stream.has_more
            whole = not partial and not continues and not subscription.first
            body = await self._encoded(subscription.key, since, stream.clock, events, shared=whole)
            subscription.first = False
            await self._client.send([_message(subscription.name, body, stream.clock, partial=partial)])
            if not partial:
                return

    async def _encoded(
        self, key: tuple[object, ...], since: str, clock: str, events: list[RecordEvent], *, shared: bool
    ) -> bytes:
        """Encode events; subscriptions that send the same ones share one result."""
        if not shared:
            return await _encode(events)
        return await self._host.shared_events((*key, since, clock), lambda: _encode(events))


def encode_events(events: Iterable[RecordEvent]) -> bytes:
    """Return events as a JSON array."""
    return dumps(
        [
            {
                "eventType": event.event_type,
                "kind": event.kind,
                "id": event.id,
                "timestamp": utc_text(event.timestamp),
                "data": event.data,
            }
            for event in events
        ]
    )


_RESET: Final = dumps([{"eventType": "reset", "kind": "", "id": "", "timestamp": utc_text(), "data": {}}])


def _message(name: str, events: bytes, clock: str, *, partial: bool) -> bytes:
    """Return the notification with these encoded events."""
    head = dumps({"subscription": name, "clock": clock, **({"partial": True} if partial else {})})
    method = methods.RECORDS_DID_CHANGE.encode()
    return b'{"jsonrpc":"2.0","method":"%b","params":%b,"events":%b}}' % (method, head[:-1], events)


async def _encode(events: list[RecordEvent]) -> bytes:
    return encode_events(events) if len(events) <= _LARGE else await asyncio.to_thread(encode_events, events)


async def _within(work: Awaitable[None], timeout_ms: int) -> None:
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            await work
    except TimeoutError:
        raise RequestFailed(f"timed out after {timeout_ms} ms; some events were not sent") from None


def _check_sizes(params: RecordsSubscribeParams) -> None:
    for name in ("where", "kinds", "ids"):
        count = len(getattr(params, name))
        if count > _MOST_EXPRESSIONS:
            raise InvalidParams(name, f"must hold at most {_MOST_EXPRESSIONS} entries, not {count}")


def _folder(uri: str) -> str:
    try:
        return from_uri(uri)
    except ValueError as error:
        raise InvalidParams("uri", str(error)) from None


def _layout(given: str | RecordLayout | None) -> Layout:
    if given is None:
        return Layout()
    if isinstance(given, str):
        if given not in BUILT_IN:
            raise InvalidParams("layout", f"must be an object or one of {', '.join(BUILT_IN)}, not {given!r:.100}")
        return BUILT_IN[given]
    fields = ("kinds", "expires", "extended_by", "ended_by")
    try:
        return layout_from({name: getattr(given, name) for name in fields})
    except LayoutError as error:
        raise InvalidParams("layout", str(error).removeprefix("layout: ")) from None


def _filter_field(params: RecordsSubscribeParams) -> str:
    """Return which field of the params can't be read."""
    for index, text in enumerate(params.where):
        try:
            parse_where(text)
        except FilterError:
            return f"where[{index}]"
    return "kinds"


def _is_inside(folder: str, roots: Sequence[str]) -> bool:
    """Return whether a folder is one of the roots or below one, wherever links lead."""
    real = os.path.realpath(folder)
    for root in roots:
        top = os.path.realpath(root)
        if real == top or real.startswith(top.rstrip(os.sep) + os.sep):
            return True
    return False
