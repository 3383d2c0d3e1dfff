"""One client of the service: its options, what it watches, and what it has been told."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import attrs

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
from reloadls.service.telling import PART, encode_part, encode_since, to_root, to_status
from reloadls.service.workspace import Meant, scope_of
from reloadls.watch.flush import Cause, Flush, Pacing, Paused
from reloadls.watch.journal import Batch, Journal
from reloadls.watch.pipeline import Pipeline
from reloadls.watch.status import RootStatus, WatchStatus

__all__ = ["Client", "Session"]

_log = logging.getLogger(__name__)
_LARGE = 500
"""More changes than this are encoded off the event loop: it takes about 3 µs each."""


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
    folders: tuple[str, ...]
    meant: Meant
    problems: tuple[tuple[str, str], ...]

    @property
    def pacing(self) -> Pacing:
        options = self.options
        return Pacing(
            options.debounce_ms / 1000,
            options.max_wait_ms / 1000,
            options.poll_delay_ms / 1000,
            bool(options.force_polling),
        )


class Session:
    """Watches for one client, from `begin` to `end`.

    Args:
        client: where it tells what it has to tell.
        options: what the client sent as options, raw.
        folders: the client's workspace folders, as URIs.
    """

    def __init__(self, client: Client, options: object, folders: Sequence[str]) -> None:
        self._client = client
        self._journal = Journal()
        self._settings = self._settle(parse_options(options), tuple(folders))
        self._pipeline: Pipeline | None = None
        self._begun = asyncio.Event()
        self._failure: BaseException | None = None
        self._changing = asyncio.Lock()
        self._told_status: ReloadStatus | None = None

    # -- life --------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Begin to watch, and tell the first status."""
        self._show_problems()
        pipeline = Pipeline(
            self._settings.meant.scope,
            self._deliver,
            pacing=self._settings.pacing,
            on_status=lambda _: self._tell_status(),
            on_scan=lambda begins: self._client.on_scan(begins, lambda: pipeline.scanned),
        )
        self._pipeline = pipeline
        try:
            await pipeline.start()
        except BaseException as error:
            self._failure = error
            await pipeline.stop()
            raise
        finally:
            self._begun.set()
        self._tell_status()

    async def end(self) -> None:
        """Watch no more; the last thing told is that it has stopped."""
        if self._pipeline is not None:
            await self._pipeline.stop()

    # -- requests ----------------------------------------------------------------------------------------

    def status(self) -> ReloadStatus:
        """How watching goes now."""
        status = WatchStatus("starting", "native") if self._pipeline is None else self._pipeline.status
        return to_status(status, self._settings.options, self._journal.clock, self._settings.problems)

    async def sync(self, timeout: float) -> SyncResult:
        """Answer when every change made before has been sent.

        Args:
            timeout: in seconds.

        Raises:
            RequestFailed: watching is paused, or the time is over.
        """
        await self._in_time(self._synced(), timeout)
        return SyncResult(self._journal.clock)

    async def since(self, clock: str | None) -> Encoded:
        """What differs between `clock` and what was last told; every file if `clock` is unknown."""
        pipeline = await self._watching()
        changes = None if clock is None else self._journal.since(clock)
        if changes is not None:
            told = [(os.fspath(change.path), change.change_type) for change in changes]
            return await _encode_since(self._journal.clock, told, fresh=False)
        files = await pipeline.files()
        return await _encode_since(self._journal.clock, [(path, "created") for path in files], fresh=True)

    async def refresh_paths(self, paths: tuple[str, ...] | None) -> RefreshPathsResult:
        """Watch `paths` from now on; None looks the same ones up again."""
        before = self._roots_there()
        options = self._settings.options if paths is None else attrs.evolve(self._settings.options, paths=paths)
        await self._change((options, []), self._settings.folders, refresh=True)
        roots = self.status().roots
        after = self._roots_there()
        return RefreshPathsResult(
            roots=roots,
            added=tuple(uri for uri in after if uri not in before),
            removed=tuple(uri for uri in before if uri not in after),
            clock=self._journal.clock,
        )

    async def pause(self) -> ReloadStatus:
        """Tell nothing until `resume`."""
        (await self._watching()).pause()
        return self.status()

    async def resume(self) -> ReloadStatus:
        """Tell what happened meanwhile, as one batch, and go on."""
        await (await self._watching()).resume()
        return self.status()

    async def trigger(self, uris: tuple[str, ...] | None) -> tuple[ReloadReport, ...]:
        """What each running program did with these files; there are none that the service knows of yet."""
        await self._watching()
        return ()

    # -- what the client says by itself ------------------------------------------------------------------

    async def look(self, paths: Iterable[str], cause: Cause) -> None:
        """The client says that `paths` have changed: look at once."""
        if self._pipeline is not None and self._begun.is_set():
            await self._pipeline.look(paths, cause)

    def hint(self, paths: Iterable[str]) -> None:
        """The client says that `paths` may have changed."""
        if self._pipeline is not None and self._begun.is_set():
            self._pipeline.hint(paths)

    async def configure(self, raw: object) -> None:
        """Take new options; those that are not named stay."""
        await self._change(parse_options(raw, self._settings.options), self._settings.folders)
        self._show_problems()

    async def move(self, change: Callable[[Sequence[str]], Sequence[str]]) -> None:
        """Take the workspace folders that `change` makes of the present ones."""
        await self._change((self._settings.options, []), tuple(change(self._settings.folders)), keep_problems=True)

    # -- changing what is watched ------------------------------------------------------------------------

    async def _change(
        self,
        parsed: tuple[Options, list[OptionProblem]],
        folders: tuple[str, ...],
        *,
        refresh: bool = False,
        keep_problems: bool = False,
    ) -> None:
        pipeline = await self._watching()
        async with self._changing:
            before, self._settings = self._settings, self._settle(parsed, folders)
            if before.pacing != self._settings.pacing:
                await pipeline.repace(self._settings.pacing)
            if refresh or before.meant.scope != self._settings.meant.scope:
                await pipeline.rescope(self._settings.meant.scope)
            self._tell_status()

    @staticmethod
    def _settle(parsed: tuple[Options, list[OptionProblem]], folders: tuple[str, ...]) -> _Settings:
        options, problems = parsed
        meant = scope_of(options, folders)
        told = [(problem.field, problem.message) for problem in problems]
        return _Settings(options, folders, meant, (*told, *meant.problems))

    def _show_problems(self) -> None:
        for _, message in self._settings.problems:
            self._client.send_error(message)

    # -- telling -----------------------------------------------------------------------------------------

    async def _deliver(self, flush: Flush) -> None:
        if flush.rescoped:
            self._journal.forget()
        if flush.changes:
            batch = self._journal.append(flush.changes, flush.cause)
            for start in range(0, len(batch.changes), PART):
                await self._client.send(await self._encode(batch, start))

    async def _encode(self, batch: Batch, start: int) -> list[bytes]:
        """A part of a batch as messages; a large one on another thread, so that others get their turn."""
        watched_files = self._settings.options.watched_files
        if len(batch.changes) <= _LARGE:
            return encode_part(batch, start, watched_files=watched_files)
        return await asyncio.to_thread(encode_part, batch, start, watched_files=watched_files)

    def _tell_status(self) -> None:
        if not self._begun.is_set() or self._failure is not None:
            return  # the first status is told when watching has begun
        status = self.status()
        if self._told_status is None or attrs.evolve(status, clock=self._told_status.clock) != self._told_status:
            self._told_status = status
            self._client.send_status(status)

    # -- small things ------------------------------------------------------------------------------------

    async def _watching(self) -> Pipeline:
        await self._begun.wait()
        if self._pipeline is None or self._failure is not None:
            raise RequestFailed(f"watching could not begin: {self._failure}")
        return self._pipeline

    async def _synced(self) -> None:
        pipeline = await self._watching()
        try:
            await pipeline.sync()
        except Paused:
            raise RequestFailed("watching is paused; send reload/resume first") from None

    async def _in_time(self, work: Awaitable[None], timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                await work
        except TimeoutError:
            raise RequestFailed(f"not everything could be told within {timeout * 1000:.0f} ms") from None

    def _roots_there(self) -> list[str]:
        roots: tuple[RootStatus, ...] = () if self._pipeline is None else self._pipeline.status.roots
        return [to_root(root).uri for root in roots if root.state != "missing"]


async def _encode_since(clock: str, changes: Sequence[tuple[str, str]], *, fresh: bool) -> Encoded:
    if len(changes) <= _LARGE:
        return encode_since(clock, changes, fresh=fresh)
    return await asyncio.to_thread(encode_since, clock, changes, fresh=fresh)
