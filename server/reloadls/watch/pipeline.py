"""One scope's way from hint to batch: source → hints → window → reconcile → deliver.

Everything that compares or reports runs under one lock, so reports are in order and complete. A comparison that has
started is always finished and reported, even if its caller was cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from reloadls.watch.flush import Cause, Flush, Pacing
from reloadls.watch.health import Health
from reloadls.watch.pending import PendingHints
from reloadls.watch.scope.scope import Scope
from reloadls.watch.snapshot.denials import Retries
from reloadls.watch.snapshot.folder import Entry, Folder
from reloadls.watch.snapshot.problems import RootStatus, denied_problems
from reloadls.watch.snapshot.reader import Reader, SnapshotView
from reloadls.watch.snapshot.roots import WatchSet
from reloadls.watch.sources.base import Hints
from reloadls.watch.sources.choose import make_source
from reloadls.watch.sources.supervised import SupervisedSource
from reloadls.watch.status import State, WatchStatus
from reloadls.watch.version_control import LockWait

if TYPE_CHECKING:
    from reloadls.watch.sources.linux.kernel import Kernel

__all__ = ["Pipeline"]

T = TypeVar("T")

_BARRIER_S = 1.0
"""How long, in seconds, the source may take to pass a barrier."""
_RETRY_S = 1.0
"""How long, in seconds, to wait before a failed comparison is retried."""
_LOCK_POLL_S = 0.05
"""How often, in seconds, to check whether a version-control operation has ended."""
_COARSE_S = 0.0015
"""The loop waits in whole milliseconds. Shorter waits, in seconds, are made on the disk thread."""
_COVER_ROUNDS = 8
"""How often in a row the watch set may change while it is being watched; the next flush continues."""

_log = logging.getLogger(__name__)


class Pipeline:
    """Watches one scope. Created and used on one event loop.

    Args:
        scope: which paths count.
        deliver: awaited with each flush that found changes, never twice at once. The next comparison waits for it, so a
            slow one makes batches larger, not more.
        pacing: the timing of batches.
        on_status: called when the status has changed.
        on_scan: called with True before a comparison of everything, and with False after it.
        kernel: returns the inotify instance to use, if inotify is the source; None creates one for this pipeline.
    """

    def __init__(
        self,
        scope: Scope,
        deliver: Callable[[Flush], Awaitable[None]],
        *,
        pacing: Pacing | None = None,
        on_status: Callable[[WatchStatus], None] = lambda _: None,
        on_scan: Callable[[bool], None] = lambda _: None,
        kernel: Callable[[], Kernel] | None = None,
    ) -> None:
        self._deliver = deliver
        self._pacing = pacing or Pacing()
        self._on_status = on_status
        self._on_scan = on_scan
        self._kernel = kernel
        self._loop = asyncio.get_running_loop()
        self._reader = Reader(scope, self, self._on_return)
        self._window = self._pacing.window()
        self._source = self._make_source()
        self._watched = WatchSet()
        self._view = SnapshotView()
        self._pending = PendingHints()
        self._lock_wait = LockWait()
        self._retries = Retries()
        self._retry: asyncio.TimerHandle | None = None
        self.health = Health()
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._state: Literal["new", "running", "stopped"] = "new"
        self._published = self.status

    # -- life --------------------------------------------------------------------------------------------

    @property
    def status(self) -> WatchStatus:
        """The status as of the last comparison."""
        denied = denied_problems(self._view.denied, self._retries.delays)
        problems = (*self._source.problems, *denied)
        state: State = "degraded" if problems else "watching"
        if self._state != "running":
            state = "starting" if self._state == "new" else self._state
        roots = tuple(map(self._as_watched, self._view.roots))
        return WatchStatus(state, self._source.backend, roots, (*problems, *self._view.problems))

    def _as_watched(self, root: RootStatus) -> RootStatus:
        folder = root.path if root.kind == "directory" else os.path.dirname(root.path)
        if root.state == "watching" and self._source.polls(folder):
            return replace(root, state="polling")
        return root

    @property
    def scope(self) -> Scope:
        """Which paths count."""
        return self._reader.scope

    @property
    def scanned(self) -> int:
        """The number of files that the running comparison has read."""
        return self._reader.scanned

    @property
    def kernel(self) -> Kernel | None:
        """The inotify instance in use; None if inotify is not the source."""
        return getattr(self._source.native, "kernel", None)

    async def start(self, known: Mapping[str, Entry] | None = None, *, report: bool = False) -> None:
        """Return when watching works: a later change is never missed.

        Args:
            known: entries that an earlier pipeline of this scope reported.
            report: first deliver the differences from `known`, with the cause ``startup``, even if there are none.
        """
        async with self._turn:
            await self._watch_planned(self.scope)
            with self._looking("startup", whole=True):
                view = await self._reader.begin(known)
            self._state = "running"
            await self._cover(view)
            if report:
                await self._report("startup", always=True)
        self._publish()
        self._spawn(self._run(), "reloadls-window")
        if self._reader.has_unreported:
            self._on_hints(Hints(at=time.monotonic()))

    async def stop(self) -> None:
        """End and leave no task or thread. Safe to call within `deliver`, which then runs to its end."""
        if self._state == "stopped":
            return
        self._state = "stopped"
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._retry is not None:
            self._retry.cancel()
        self._publish()
        await self._source.stop()
        await self._reader.stop()

    # -- requests ----------------------------------------------------------------------------------------

    def hint(self, paths: Iterable[str]) -> None:
        """Note that `paths` may have changed; they are compared when the window ends."""
        self._on_hints(Hints(tuple(paths), time.monotonic()))

    async def look(self, paths: Iterable[str], cause: Cause) -> None:
        """Compare `paths` at once and report changes."""
        await self._owned(self._look(tuple(paths), cause))

    async def sync(self) -> None:
        """Return when every change made on disk before the call has been delivered."""
        passed = await self._source.barrier(_BARRIER_S)
        if passed and self._source.reports_loss:
            self._pending.skip_pause()
        else:
            self._pending.request_everything()
        await self._owned(self._flush("watch"))
        if (
            self._view.denied
        ):  # no event says that a path is readable again; a running comparison may have read it before
            self._on_hints(Hints(tuple(self._view.denied), time.monotonic()))
            await self._owned(self._flush("watch"))

    async def rescope(self, scope: Scope, cause: Cause = "refresh") -> None:
        """Use `scope` from now on. No change made before or during the switch is lost."""
        await self._owned(self._rescope(scope, cause))

    async def repace(self, pacing: Pacing) -> None:
        """Use other times from now on, and another source if they need one."""
        await self._owned(self._repace(pacing))

    async def files(self, then: Callable[[], object] = lambda: None) -> list[str]:
        """Return every file as last reported; call `then` at that very moment."""
        async with self._turn:
            files = await self._reader.files()
            then()
            return files

    async def run(self, call: Callable[..., Any], *args: Any) -> Any:
        """Run a blocking call on the disk thread, between comparisons."""
        return await self._reader.run(call, *args)

    async def run_at(self, path: str, call: Callable[[], T], undo: Callable[[T], object] | None = None) -> T:
        """See `Reader.run_at`."""
        return await self._reader.run_at(path, call, undo)

    async def entries(self) -> Mapping[str, Entry]:
        """Return the entry of every file. Call it from `deliver`."""
        return await self._reader.entries()

    async def rules(self) -> str:
        """Return a digest of the git ignore rules in force. Call it from `deliver`."""
        return await self._reader.rules()

    # -- the folders, on the disk thread -------------------------------------------------------------------

    def enter(self, path: str, folder: Folder) -> None:
        """See `FolderListener.enter`."""
        self._source.enter(path, folder)

    def leave(self, path: str, folder: Folder) -> None:
        """See `FolderListener.leave`."""
        self._source.leave(path, folder)

    def enter_file(self, path: str) -> bool:
        """See `FolderListener.enter_file`."""
        return self._source.enter_file(path)

    # -- hints -------------------------------------------------------------------------------------------

    def _on_hints(self, hints: Hints) -> None:
        self.health.hints += len(hints.paths)
        self._pending.note(hints)
        self._window.hint(hints.at, hints.first)
        self._wake.set()

    async def _run(self) -> None:
        try:
            while self._state != "stopped":
                await self._until_due()
                await self._flush_when_unlocked()
        finally:
            if self._state == "running":  # `stop` was not called: the event loop is ending
                self._abandon()

    async def _flush_when_unlocked(self) -> None:
        was_locked = False
        try:
            while await self._waits_for_lock():
                await asyncio.sleep(_LOCK_POLL_S)
                was_locked = True
            if was_locked:  # changes made before the lock was removed belong to the batch
                await self._source.barrier(_BARRIER_S)
            await self._flush("watch", only_if_due=True)
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException:
            _log.exception("comparing with the disk failed; retrying everything in %g s", _RETRY_S)
            self._on_hints(Hints(at=time.monotonic() + _RETRY_S, suspect=True))

    def _abandon(self) -> None:
        """Release threads and descriptors without waiting."""
        self._state = "stopped"
        if self._retry is not None:
            self._retry.cancel()
        self._source.abandon()
        self._reader.abandon()

    async def _until_due(self) -> None:
        while self._state != "stopped":
            self._wake.clear()
            due = self._window.due
            left = None if due is None else due - time.monotonic()
            if left is not None and left <= 0:
                return
            if left is not None and left < _COARSE_S:
                await self._reader.run(time.sleep, left)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._wake.wait()

    # -- comparing and reporting ---------------------------------------------------------------------------

    async def _flush(self, cause: Cause, *, only_if_due: bool = False) -> None:
        async with self._turn:
            due = self._window.due
            if self._state != "running" or (only_if_due and (due is None or due > time.monotonic())):
                return  # another caller has just flushed
            last = self._window.last
            self._window.close()
            look = self._pending.take(time.monotonic())
            if (later := self._pending.suspicion_due) is not None:
                self._window.hint(later)
            with self._looking("everything" if look.everything else "hints", whole=look.everything):
                await self._cover(
                    await self._reader.reconcile(
                        look.paths, everything=look.everything, moves=look.moves, metadata=look.metadata
                    )
                )
            await self._report("rescan" if look.found_by_looking and cause == "watch" else cause, last)

    async def _waits_for_lock(self) -> bool:
        """Return whether the batch waits for a version-control operation."""
        if not self._view.repositories:
            return False
        return self._lock_wait.must_wait(await self._reader.locks(), time.monotonic())

    async def _look(self, paths: tuple[str, ...], cause: Cause) -> None:
        async with self._turn:
            if self._state == "running":
                with self._looking(cause, whole=False):
                    await self._cover(await self._reader.reconcile(paths))
                await self._report(cause)

    async def _rescope(self, scope: Scope, cause: Cause) -> None:
        async with self._turn:
            await self._watch_planned(scope)
            self._window.close()
            look = self._pending.take(time.monotonic())
            with self._looking(cause, whole=True):
                await self._cover(await self._reader.adopt(scope, look.paths))
            await self._report(cause)

    async def _repace(self, pacing: Pacing) -> None:
        async with self._turn:
            before, self._pacing = self._pacing, pacing
            pending = self._window.due is not None
            self._window = pacing.window()
            if before.source != pacing.source:
                old, self._source = self._source, self._make_source()
                await self._source.watch(self._watched)
                await old.stop()
                self._pending.request_everything()  # its folders are watched as they are compared
                pending = True
            if pending:
                self._on_hints(Hints(at=time.monotonic()))
        self._publish()

    async def _report(self, cause: Cause, last: float | None = None, *, always: bool = False) -> None:
        """Deliver unreported changes, or an empty flush if `always`.

        Args:
            cause: why the comparison was made.
            last: when the newest change was made, if known.
            always: whether to deliver even if there is nothing to report.
        """
        if self._state == "running" and ((unreported := self._reader.take_unreported()) or always):
            await self._deliver(Flush(unreported.changes, cause, unreported.rescoped, unreported.entries))
            if unreported.changes:
                self.health.reported(None if last is None else time.monotonic() - last)
        self._publish()

    # -- what must be watched ----------------------------------------------------------------------------

    def _make_source(self) -> SupervisedSource:
        return make_source(self._on_hints, self._reader, self._pacing.source, self._kernel)

    async def _watch_planned(self, scope: Scope) -> None:
        """Watch what `scope` needs, in addition to what is watched already, before any of it is read."""
        planned = await self._reader.planned(scope)
        before = self._watched
        self._watched = WatchSet(
            before.trees | planned.trees, before.folders | planned.folders, before.inside | planned.inside
        )
        await self._source.watch(self._watched)

    async def _cover(self, view: SnapshotView) -> None:
        """Update the watch set. Whatever is watched anew is compared after that."""
        new_folders: list[str] = []
        for _ in range(_COVER_ROUNDS):
            new_folders += view.new_folders
            readable = self._view.denied.keys() - view.denied.keys()
            moved = self._pending.take_moved()
            self._view, what, before = view, view.watch_set, self._watched
            self._retry_later()
            if what != before or moved or readable:
                await self._source.watch(what)
                self._watched = what
            new = (what.trees - before.trees) | (what.folders - before.folders) | (what.inside - before.inside)
            new |= moved | readable
            if not new:
                break
            view = await self._reader.reconcile(new)
        if new_folders and self._source.backend == "native" and not self._source.reports_loss:
            self._spawn(self._look_again(new_folders), "reloadls-new-folders")

    # -- unreadable paths --------------------------------------------------------------------------------

    def _retry_later(self) -> None:
        """Schedule a retry of each unreadable path."""
        self._retries.update(self._view.denied, time.monotonic())
        self._set_retry_timer()

    def _set_retry_timer(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
        at = self._retries.next
        self._retry = None if at is None else self._loop.call_later(max(0.0, at - time.monotonic()), self._on_retry)

    def _on_retry(self) -> None:
        self._retry = None
        if due := self._retries.due(time.monotonic()):
            self._on_hints(Hints(tuple(due), time.monotonic(), rescan=True))

    def _on_return(self) -> None:
        """See `GuardedDisk`. Called on any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._retry_now)

    def _retry_now(self) -> None:
        if self._state == "running":
            self._retries.retry_all(time.monotonic())
            self._set_retry_timer()

    async def _look_again(self, folders: list[str]) -> None:
        """Compare new folders again: until they were watched, changes in them gave no hint."""
        passed = await self._source.barrier(_BARRIER_S)
        self._on_hints(Hints(tuple(folders), time.monotonic(), suspect=not passed))
        await self._source.check_new_folders(_BARRIER_S)

    # -- helpers ------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _looking(self, why: str, *, whole: bool) -> Iterator[None]:
        """Wrap a comparison.

        If it fails, the next one includes everything.

        Args:
            why: the reason, for the counters.
            whole: whether it compares everything; this is shown to subscribers.
        """
        self.health.reconciles[why] += 1
        begun = time.monotonic()
        if whole:
            self._on_scan(True)
        try:
            yield
        except BaseException:
            self._pending.request_everything()
            raise
        finally:
            if whole:
                self._pending.looked_at_everything(begun, time.monotonic())
                self._on_scan(False)

    def _publish(self) -> None:
        status = self.status
        if status != self._published:
            self._published = status
            self._on_status(status)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _owned(self, work: Coroutine[Any, Any, None]) -> None:
        """Await `work`, which runs to its end even if the caller is cancelled."""
        await asyncio.shield(self._spawn(work, "reloadls-request"))
