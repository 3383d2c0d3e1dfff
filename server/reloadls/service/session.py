"""One client session: its options, its subscription, and how far it has received the journal."""

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
from reloadls.protocol.records import RecordsSubscribeParams, RecordsSubscribeResult
from reloadls.service.encode import PART, encode_since, to_root, to_status
from reloadls.service.host import Host
from reloadls.service.records import ClientRecords
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
"""Above this many changes, encoding runs on another thread: it takes about 3 µs per change."""

_MOST_PROBLEMS = 50
"""The most problems with options that are reported one by one."""


class Client(Protocol):
    """The connection to a client, as its session uses it."""

    async def send(self, bodies: Iterable[bytes]) -> None:
        """Send encoded messages and wait until the client can receive more."""

    def send_status(self, status: ReloadStatus) -> None:
        """Send the status."""

    def send_error(self, message: str) -> None:
        """Show a message to the user."""

    def on_scan(self, begins: bool, scanned: Callable[[], int]) -> None:
        """A scan of the whole scope starts or ends; `scanned` returns the number of files so far."""


@dataclass(frozen=True, slots=True)
class _Settings:
    """The client's options and folders, and the scope they resolve to."""

    options: Options
    folders: tuple[str, ...] | None
    resolved: ResolvedScope
    problems: tuple[tuple[str, str], ...]

    def subscription(self, source: SourceName) -> Subscription:
        """Return the subscription for the hub; `source` applies unless the client asks for polling."""
        options = self.options
        times = (options.debounce_ms / 1000, options.max_wait_ms / 1000, options.poll_delay_ms / 1000)
        use: SourceName = "polling" if options.force_polling else source
        return Subscription(self.resolved.scope, Pacing(*times, use, polls_served=options.force_polling is None))


class ClientSession:
    """Watches for one client, from `begin` to `end`.

    The channel notifies the session of new batches. The session sends them at the client's pace: whatever arrives
    while the client is busy becomes one batch.

    Args:
        client: the connection to the client.
        options: the raw options from the client.
        folders: the client's workspace folders as URIs; None if it sent none.
        host: the state shared with the other sessions of the process.
    """

    def __init__(self, client: Client, options: object, folders: Sequence[str] | None, host: Host) -> None:
        self._client = client
        self._host = host
        self._settings = self._resolve(parse_options(options), None if folders is None else tuple(folders))
        self._channel: Channel | None = None
        self._cursor: Cursor | None = None
        self._held: Batch | None = None
        """The batch held while paused, from channels that this session has left."""
        self._started = Event()
        self._failure: BaseException | None = None
        self._paused = self._ended = False
        self._changing = asyncio.Lock()
        self._send_lock = asyncio.Lock()
        self._changed = Event()
        self._sender: asyncio.Task[None] | None = None
        self._sent_status: ReloadStatus | None = None
        self._targets = ClientTargets(client, host.targets, self._send_status)
        self._records = ClientRecords(client, host)
        host.sessions += 1

    # -- life --------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Start watching and send the first status."""
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
        self._sender = asyncio.create_task(self._run(), name="reloadls-sender")
        self._changed.set()
        self._targets.set_roots(self._settings.resolved.scope.roots)

    async def end(self) -> None:
        """Stop watching; the last message is the status `stopped`. Idempotent."""
        if self._ended:
            return
        self._ended = True
        self._host.sessions -= 1
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.wait([self._sender])
        await self._targets.end()
        await self._records.end()
        if self._channel is not None:
            self._send_status()
            await self._host.hub.leave(self._channel, self)

    # -- requests ----------------------------------------------------------------------------------------

    def status(self, *, metrics: bool = False) -> ReloadStatus:
        """Return the current status.

        Args:
            metrics: whether to add the metrics.
        """
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
        """Return when every change made before the call has been sent.

        Args:
            timeout: how long to wait, in seconds.

        Raises:
            RequestFailed: watching is paused, or the call timed out.
        """
        await self._with_timeout(self._sync(), timeout)
        return SyncResult((await self._watching())[1].clock)

    async def since(self, clock: str | None) -> Encoded:
        """Return the changes between `clock` and the last sent batch; every file if `clock` is unknown.

        Args:
            clock: the clock to compare with; None: every file.
        """
        await self._watching()
        async with self._send_lock:
            channel, cursor = await self._watching()
            if not self._paused:
                await self._send_pending()
            changes = None if clock is None else channel.journal.since(clock, cursor)
            if changes is not None:
                return await _encode_since(cursor.clock, changes, fresh=False)
            # A client that receives every file does not need the changes before.
            files = await channel.pipeline.files(then=cursor.catch_up)
            return await _encode_since(cursor.clock, files, fresh=True)

    async def refresh_paths(self, paths: tuple[str, ...] | None) -> RefreshPathsResult:
        """Watch `paths` from now on.

        Args:
            paths: the new paths; None resolves the current ones again.
        """
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
        """Send no changes and let running programs apply none, until `resume`."""
        await self._watching()
        self._paused = True
        self._records.pause()
        async with self._send_lock:  # a batch that is being sent is sent completely
            self._send_status()
        await self._targets.pause()
        return self.status()

    async def resume(self) -> ReloadStatus:
        """Send the changes made during the pause as one batch, and continue."""
        await self._watching()
        if self._paused:
            channel, _ = await self._watching()
            await channel.pipeline.sync()
            self._paused = False
            self._records.resume()
            async with self._send_lock:
                await self._send_pending()
            self._send_status()
            await self._targets.resume()
        return self.status()

    async def subscribe_records(self, params: RecordsSubscribeParams) -> RecordsSubscribeResult:
        """Start a record subscription within the session's roots."""
        await self._watching()
        return await self._records.subscribe(params, self._settings.resolved.scope.roots)

    @property
    def records(self) -> ClientRecords:
        """The record subscriptions."""
        return self._records

    async def trigger(self, uris: tuple[str, ...] | None) -> tuple[ReloadReport, ...]:
        """Make each running program of this session reload files, and return the reports.

        Args:
            uris: the files; None: all files that differ from what the program has loaded.
        """
        await self._watching()
        return await self._targets.trigger(uris)

    async def drain(self, target: str, pool: str) -> ReloadStatus:
        """Have a session pool of a running program of this session admit no more sessions.

        Args:
            target: the id of the program.
            pool: the name of the pool.

        Raises:
            RequestFailed: there is no such program or pool, or it does not answer.
        """
        await self._watching()
        await self._targets.drain(target, pool)
        return self.status()

    # -- notifications from the client -------------------------------------------------------------------

    async def check_paths(self, paths: Iterable[str], cause: Cause) -> None:
        """Compare `paths` at once: the client reports that they changed."""
        if self._channel is not None:
            await self._channel.pipeline.look(paths, cause)

    def hint(self, paths: Iterable[str]) -> None:
        """Add hints: the client reports that `paths` may have changed."""
        if self._channel is not None:
            self._channel.pipeline.hint(paths)

    async def configure(self, raw: object) -> None:
        """Apply new options; fields that are absent keep their values."""
        await self._change(parse_options(raw, self._settings.options), self._settings.folders)
        self._show_problems()

    async def change_folders(self, change: Callable[[Sequence[str]], Sequence[str]]) -> None:
        """Apply `change` to the workspace folders."""
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
            await self._records.keep_inside(subscription.scope.roots)
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

    # -- sending -----------------------------------------------------------------------------------------

    def on_batch(self) -> None:
        """See `Subscriber.on_batch`."""
        self._changed.set()

    def on_status(self) -> None:
        """See `Subscriber.on_status`."""
        if not self._paused and not self._changing.locked():  # the change sends its own status
            self._send_status()

    def on_scan(self, begins: bool, scanned: Callable[[], int]) -> None:
        """See `Subscriber.on_scan`."""
        self._client.on_scan(begins, scanned)

    async def _run(self) -> None:
        """Send batches whenever new ones are available, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if not self._paused:
                async with self._send_lock:
                    await self._send_pending()

    async def _send_pending(self) -> None:
        """Send the pending batch and wait until the client has received it. The caller holds `_send_lock`.

        Batches that arrive during the wait are sent by the next call: in a busy tree this would not return.
        """
        batch, self._held = self._take_pending(), None
        if batch is not None:
            await self._send(batch)

    def _take_pending(self) -> Batch | None:
        """Merge the held batch and the batches after the cursor into one."""
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
            return  # the first status is sent once watching has started
        status = self.status()
        if self._sent_status is None or attrs.evolve(status, clock=self._sent_status.clock) != self._sent_status:
            self._sent_status = status
            self._client.send_status(status)

    # -- helpers -----------------------------------------------------------------------------------------

    async def _watching(self) -> tuple[Channel, Cursor]:
        await self._started.wait()
        if self._channel is None or self._cursor is None or self._failure is not None:
            raise RequestFailed(f"watching could not start: {self._failure}")
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
            raise RequestFailed(f"timed out after {timeout * 1000:.0f} ms; some changes were not sent") from None

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
