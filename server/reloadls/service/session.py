"""One client of the service: its options, what it watches, and what it has been told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import attrs

from reloadls.base.event import Event
from reloadls.protocol import (
    Encoded,
    OptionProblem,
    Options,
    RefreshPathsResult,
    ReloadReport,
    ReloadStatus,
    RequestFailed,
    SyncResult,
    parse_options,
)
from reloadls.service.encode import PART, encode_since, to_root, to_status
from reloadls.service.host import Host
from reloadls.service.targets.client import ClientTargets
from reloadls.service.workspace import ResolvedScope, scope_of
from reloadls.watch.change import FileChange, net_changes
from reloadls.watch.flush import Cause, Pacing
from reloadls.watch.hub import Channel, Subscription
from reloadls.watch.journal import Batch, Cursor
from reloadls.watch.snapshot.problems import RootStatus
from reloadls.watch.sources.choose import SourceName
from reloadls.watch.status import WatchStatus

__all__ = ["Client", "ClientSession"]

_log = logging.getLogger(__name__)
_LARGE = 500
"""More changes than this are encoded off the event loop: it takes about 3 µs each."""

_MOST_PROBLEMS = 50
"""Problems with the options that are reported one by one."""


class Client(Protocol):
    """Where a session tells what it has to tell."""

    async def send(self, bodies: Iterable[bytes]) -> None:
        """Send encoded messages, and wait until the client takes more."""

    def send_status(self, status: ReloadStatus) -> None:
        """Send the status."""

    def send_error(self, message: str) -> None:
        """Show a message to the user."""

    def on_scan(self, begins: bool, scanned: Callable[[], int]) -> None:
        """Everything is being read, or has been."""


@dataclass(frozen=True, slots=True)
class _Settings:
    """Everything that a client has said of what it wants."""

    options: Options
    folders: tuple[str, ...] | None
    resolved: ResolvedScope
    problems: tuple[tuple[str, str], ...]

    def subscription(self, source: SourceName) -> Subscription:
        """What the hub is asked for; `source` is used unless polling is asked for."""
        options = self.options
        times = (options.debounce_ms / 1000, options.max_wait_ms / 1000, options.poll_delay_ms / 1000)
        use: SourceName = "polling" if options.force_polling else source
        return Subscription(self.resolved.scope, Pacing(*times, use, polls_served=options.force_polling is None))


class ClientSession:
    """Watches for one client, from `begin` to `end`.

    It is told of batches by its channel, and sends them at the pace at which the client takes them: what has come
    meanwhile is one batch.

    Args:
        client: where it tells what it has to tell.
        options: what the client sent as options, raw.
        folders: the client's workspace folders, as URIs; None if it names none.
        host: what it shares with the process's other sessions.
    """

    def __init__(self, client: Client, options: object, folders: Sequence[str] | None, host: Host) -> None:
        self._client = client
        self._host = host
        self._settings = self._resolve(parse_options(options), None if folders is None else tuple(folders))
        self._channel: Channel | None = None
        self._cursor: Cursor | None = None
        self._held: Batch | None = None
        """What came while paused, by channels that this session has left."""
        self._started = Event()
        self._failure: BaseException | None = None
        self._paused = self._ended = False
        self._changing = asyncio.Lock()
        self._send_lock = asyncio.Lock()
        self._changed = Event()
        self._sender: asyncio.Task[None] | None = None
        self._sent_status: ReloadStatus | None = None
        self._targets = ClientTargets(client, host.targets, self._send_status)
        host.sessions += 1

    # -- life --------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Begin to watch, and tell the first status."""
        self._show_problems()
        try:
            self._channel, self._cursor = await self._host.hub.join(
                self._settings.subscription(self._host.source), self
            )
        except BaseException as error:
            self._failure = error
            raise
        finally:
            self._started.set()
        self._send_status()
        self._sender = asyncio.create_task(self._run(), name="reloadls-teller")
        self._changed.set()
        self._targets.set_roots(self._settings.resolved.scope.roots)

    async def end(self) -> None:
        """Watch no more; the last thing told is that it has stopped."""
        if self._ended:
            return
        self._ended = True
        self._host.sessions -= 1
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.wait([self._sender])
        await self._targets.end()
        if self._channel is not None:
            self._send_status()
            await self._host.hub.leave(self._channel, self)

    # -- requests ----------------------------------------------------------------------------------------

    def status(self, *, metrics: bool = False) -> ReloadStatus:
        """How watching goes now, with figures if asked."""
        channel, cursor = self._channel, self._cursor
        if channel is None or cursor is None:
            status = WatchStatus("stopped" if self._ended or self._failure else "starting", "native")
            return to_status(status, self._settings.options, "", self._settings.problems)
        status = channel.status
        if self._ended or self._paused:
            status = WatchStatus("stopped" if self._ended else "paused", status.backend, status.roots, status.problems)
        status_now = to_status(status, self._settings.options, cursor.clock, self._settings.problems)
        status_now = attrs.evolve(status_now, targets=self._targets.statuses)
        return attrs.evolve(status_now, metrics=self._host.metrics(channel)) if metrics else status_now

    async def sync(self, timeout: float) -> SyncResult:
        """Answer when every change made before has been sent.

        Args:
            timeout: in seconds.

        Raises:
            RequestFailed: watching is paused, or the time is over.
        """
        await self._with_timeout(self._sync(), timeout)
        return SyncResult((await self._watching())[1].clock)

    async def since(self, clock: str | None) -> Encoded:
        """What differs between `clock` and what was last told; every file if `clock` is unknown."""
        await self._watching()
        async with self._send_lock:
            channel, cursor = await self._watching()
            if not self._paused:
                await self._send_pending()
            changes = None if clock is None else channel.journal.since(clock, cursor)
            if changes is not None:
                return await _encode_since(cursor.clock, changes, fresh=False)
            # Whoever has everything need not be told of what led to it.
            files = await channel.pipeline.files(then=cursor.catch_up)
            return await _encode_since(cursor.clock, files, fresh=True)

    async def refresh_paths(self, paths: tuple[str, ...] | None) -> RefreshPathsResult:
        """Watch `paths` from now on; None looks the same ones up again."""
        before = self._existing_roots()
        options = self._settings.options if paths is None else attrs.evolve(self._settings.options, paths=paths)
        await self._change((options, []), self._settings.folders, refresh=True)
        status = self.status()
        after = self._existing_roots()
        return RefreshPathsResult(
            roots=status.roots,
            added=tuple(uri for uri in after if uri not in before),
            removed=tuple(uri for uri in before if uri not in after),
            clock=status.clock,
        )

    async def pause(self) -> ReloadStatus:
        """Tell of no change until `resume`, and have running programs take nothing up."""
        await self._watching()
        self._paused = True
        async with self._send_lock:  # what is being told now is told to its end
            self._send_status()
        await self._targets.pause()
        return self.status()

    async def resume(self) -> ReloadStatus:
        """Tell what happened meanwhile, as one batch, and go on."""
        await self._watching()
        if self._paused:
            channel, _ = await self._watching()
            await channel.pipeline.sync()
            self._paused = False
            async with self._send_lock:
                await self._send_pending()
            self._send_status()
            await self._targets.resume()
        return self.status()

    async def trigger(self, uris: tuple[str, ...] | None) -> tuple[ReloadReport, ...]:
        """What each running program did with these files; None: with all that it has loaded."""
        await self._watching()
        return await self._targets.trigger(uris)

    # -- what the client says by itself ------------------------------------------------------------------

    async def check_paths(self, paths: Iterable[str], cause: Cause) -> None:
        """The client says that `paths` have changed: look at once."""
        if self._channel is not None:
            await self._channel.pipeline.look(paths, cause)

    def hint(self, paths: Iterable[str]) -> None:
        """The client says that `paths` may have changed."""
        if self._channel is not None:
            self._channel.pipeline.hint(paths)

    async def configure(self, raw: object) -> None:
        """Take new options; those that are not named stay."""
        await self._change(parse_options(raw, self._settings.options), self._settings.folders)
        self._show_problems()

    async def change_folders(self, change: Callable[[Sequence[str]], Sequence[str]]) -> None:
        """Take the workspace folders that `change` makes of the present ones."""
        await self._change((self._settings.options, []), tuple(change(self._settings.folders or ())))

    # -- changing what is watched ------------------------------------------------------------------------

    async def _change(
        self,
        parsed: tuple[Options, list[OptionProblem]],
        folders: tuple[str, ...] | None,
        *,
        refresh: bool = False,
    ) -> None:
        await self._watching()
        async with self._changing:
            self._settings = self._resolve(parsed, folders)
            subscription = self._settings.subscription(self._host.source)
            await self._host.hub.change(self, subscription, self._switch, refresh=refresh)
            self._targets.set_roots(subscription.scope.roots)
            if not self._paused:
                async with self._send_lock:
                    await self._send_pending()
            self._send_status()

    async def _switch(self, channel: Channel, cursor: Cursor) -> None:
        """Continue with another channel, after what the old one has to report was sent, or held while paused."""
        async with self._send_lock:
            if self._paused:
                self._held = self._take_pending()
            else:
                await self._send_pending()
            self._channel, self._cursor = channel, cursor

    @staticmethod
    def _resolve(parsed: tuple[Options, list[OptionProblem]], folders: tuple[str, ...] | None) -> _Settings:
        options, problems = parsed
        resolved = scope_of(options, folders)
        found = [(problem.field, problem.message) for problem in problems]
        return _Settings(options, folders, resolved, _bounded([*found, *resolved.problems]))

    def _show_problems(self) -> None:
        for _, message in self._settings.problems:
            self._client.send_error(message)

    # -- telling -----------------------------------------------------------------------------------------

    def on_batch(self) -> None:
        """See `Subscriber.on_batch`."""
        self._changed.set()

    def on_status(self) -> None:
        """See `Subscriber.on_status`."""
        if not self._paused and not self._changing.locked():  # a change tells its outcome
            self._send_status()

    def on_scan(self, begins: bool, scanned: Callable[[], int]) -> None:
        """See `Subscriber.on_scan`."""
        self._client.on_scan(begins, scanned)

    async def _run(self) -> None:
        """Send what there is to send, for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if not self._paused:
                async with self._send_lock:
                    await self._send_pending()

    async def _send_pending(self) -> None:
        """Send what the cursor is behind with, and wait until the client takes it. Done in turn, under `_send_lock`.

        What comes meanwhile is for the next time: in a busy tree this would not end.
        """
        batch, self._held = self._take_pending(), None
        if batch is not None:
            await self._send(batch)

    def _take_pending(self) -> Batch | None:
        """What the cursor is behind with, and what was kept, as one batch."""
        batch = None if self._cursor is None else self._cursor.take()
        if batch is None or self._held is None:
            return batch or self._held
        changes = tuple(net_changes([*self._held.changes, *batch.changes]))
        return replace(batch, since=self._held.since, changes=changes) if changes else None

    async def _send(self, batch: Batch) -> None:
        watched_files = self._settings.options.watched_files
        for start in range(0, len(batch.changes), PART):
            await self._client.send(await self._host.encode(batch, start, watched_files=watched_files))

    def _send_status(self) -> None:
        if not self._started.is_set() or self._failure is not None:
            return  # the first status is told when watching has begun
        status = self.status()
        if self._sent_status is None or attrs.evolve(status, clock=self._sent_status.clock) != self._sent_status:
            self._sent_status = status
            self._client.send_status(status)

    # -- small things ------------------------------------------------------------------------------------

    async def _watching(self) -> tuple[Channel, Cursor]:
        await self._started.wait()
        if self._channel is None or self._cursor is None or self._failure is not None:
            raise RequestFailed(f"watching could not begin: {self._failure}")
        return self._channel, self._cursor

    async def _sync(self) -> None:
        self._refuse_if_paused()
        channel, _ = await self._watching()
        await channel.pipeline.sync()
        async with self._send_lock:
            self._refuse_if_paused()
            await self._send_pending()

    def _refuse_if_paused(self) -> None:
        if self._paused:
            raise RequestFailed("watching is paused; send reload/resume first")

    async def _with_timeout(self, work: Awaitable[None], timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                await work
        except TimeoutError:
            raise RequestFailed(f"not everything could be told within {timeout * 1000:.0f} ms") from None

    def _existing_roots(self) -> list[str]:
        roots: tuple[RootStatus, ...] = () if self._channel is None else self._channel.pipeline.status.roots
        return [to_root(root).uri for root in roots if root.state != "missing"]


def _bounded(problems: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    if len(problems) <= _MOST_PROBLEMS:
        return tuple(problems)
    more = ("", f"{len(problems) - _MOST_PROBLEMS} more problems with the options are not listed")
    return (*problems[:_MOST_PROBLEMS], more)


async def _encode_since(clock: str, changes: Sequence[FileChange | str], *, fresh: bool) -> Encoded:
    if len(changes) <= _LARGE:
        return encode_since(clock, changes, fresh=fresh)
    return await asyncio.to_thread(encode_since, clock, changes, fresh=fresh)
