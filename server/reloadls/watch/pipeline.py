"""One scope's way from hint to batch: source → hints → window → reconcile → deliver.

Everything that compares or tells is done in turn, under one lock, so that what is told is in order and complete. A
comparison that has begun is always finished and told, even if who asked for it has gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from typing import Any, Literal

from reloadls.watch.flush import Cause, Flush, Pacing, Paused
from reloadls.watch.reader import Reader, View
from reloadls.watch.roots import WatchSet
from reloadls.watch.scope import Scope
from reloadls.watch.sources.base import Hints
from reloadls.watch.sources.make import make_source
from reloadls.watch.sources.supervised import SupervisedSource
from reloadls.watch.status import Problem, State, WatchStatus

__all__ = ["Pipeline"]

_HINT_LIMIT = 50_000
"""With more hints than this, everything is looked at."""
_BARRIER_S = 1.0
"""How long, in seconds, the source may take to pass a barrier."""
_RETRY_S = 1.0
"""How long, in seconds, to wait before a comparison that failed is made again."""
_COVER_ROUNDS = 8
"""How often in a row what must be watched may change while it is being watched; the next flush goes on."""

_log = logging.getLogger(__name__)


class Pipeline:
    """Watches one scope. Made and used on one event loop.

    Args:
        scope: which paths count.
        deliver: awaited with each flush that found something, never twice at once. The next comparison waits for it, so
            a slow one makes batches larger, not more.
        pacing: when batches are made.
        on_status: called when the status has changed.
        on_scan: called with True before everything is read, and with False after.
    """

    def __init__(
        self,
        scope: Scope,
        deliver: Callable[[Flush], Awaitable[None]],
        *,
        pacing: Pacing | None = None,
        on_status: Callable[[WatchStatus], None] = lambda _: None,
        on_scan: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._deliver = deliver
        self._pacing = pacing or Pacing()
        self._on_status = on_status
        self._on_scan = on_scan
        self._reader = Reader(scope)
        self._window = self._pacing.window()
        self._source = self._make_source()
        self._watched = WatchSet()
        self._view = View()
        self._hints: dict[str, None] = {}
        self._everything = False
        self._rescan = False
        self._moved: set[str] = set()
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._state: Literal["new", "running", "paused", "stopped"] = "new"
        self._published = self.status

    # -- life --------------------------------------------------------------------------------------------

    @property
    def status(self) -> WatchStatus:
        """How watching goes, as of the last comparison."""
        failure = self._source.failure
        problems = [] if failure is None else [Problem(failure.code, str(failure))]
        state: State = "watching" if failure is None else "degraded"
        if self._state != "running":
            state = "starting" if self._state == "new" else self._state
        return WatchStatus(state, self._source.backend, self._view.roots, (*problems, *self._view.problems))

    @property
    def scope(self) -> Scope:
        """Which paths count."""
        return self._reader.scope

    @property
    def scanned(self) -> int:
        """How many files the reading that is under way has seen."""
        return self._reader.scanned

    async def start(self) -> None:
        """Return when watching works: a change made after it is never missed."""
        async with self._turn:
            await self._watch_planned(self.scope)
            with self._scanning():
                view = await self._reader.begin()
            self._state = "running"
            await self._cover(view)
        self._publish()
        self._spawn(self._run(), "reloadls-window")
        if self._reader.has_untold:
            self._on_hints(Hints(at=time.monotonic()))

    async def stop(self) -> None:
        """End; no task or thread is left. Safe to call from within `deliver`, which then goes on to its end."""
        if self._state == "stopped":
            return
        self._state = "stopped"
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._publish()
        await self._source.stop()
        await self._reader.stop()

    # -- requests ----------------------------------------------------------------------------------------

    def hint(self, paths: Iterable[str]) -> None:
        """Somebody says that `paths` may have changed; they are looked at when the window ends."""
        self._on_hints(Hints(tuple(paths), time.monotonic()))

    async def look(self, paths: Iterable[str], cause: Cause) -> None:
        """Look at `paths` at once, and tell what has changed."""
        await self._owned(self._look(tuple(paths), cause))

    async def sync(self) -> None:
        """Return when every change made on disk before the call has been delivered.

        Raises:
            Paused: watching is paused.
        """
        self._refuse_if_paused()
        await self._source.barrier(_BARRIER_S)
        self._everything = self._everything or not self._source.reports_loss
        await self._owned(self._flush("watch"))
        self._refuse_if_paused()

    async def rescope(self, scope: Scope, cause: Cause = "refresh") -> None:
        """Take `scope` from now on. No change made before or during the switch is lost."""
        await self._owned(self._rescope(scope, cause))

    async def repace(self, pacing: Pacing) -> None:
        """Take other times, and another source if they need one, from now on."""
        await self._owned(self._repace(pacing))

    async def files(self) -> list[str]:
        """Every file, as last told when this returns."""
        async with self._turn:
            return await self._reader.files()

    def pause(self) -> None:
        """Tell nothing until `resume`."""
        if self._state == "running":
            self._state = "paused"
            self._publish()

    async def resume(self) -> None:
        """Tell, as one batch, what happened since `pause`, and go on."""
        if self._state == "paused":
            self._state = "running"
            self._everything = True
            await self._owned(self._flush("watch"))
            self._publish()

    # -- hints -------------------------------------------------------------------------------------------

    def _on_hints(self, hints: Hints) -> None:
        if hints.moved:
            self._moved.update(hints.paths)
        if self._state == "paused":
            return  # resuming looks at everything
        self._hints.update(dict.fromkeys(hints.paths))
        self._rescan = self._rescan or hints.rescan or hints.suspect
        if hints.suspect or len(self._hints) > _HINT_LIMIT:
            self._everything = True
        self._window.hint(hints.at, hints.first)
        self._wake.set()

    async def _run(self) -> None:
        while self._state != "stopped":
            await self._until_due()
            try:
                await self._flush("watch", only_if_due=True)
            except Exception:
                _log.exception("comparing with the disk failed; everything is looked at in a second")
                self._on_hints(Hints(at=time.monotonic() + _RETRY_S, suspect=True))

    async def _until_due(self) -> None:
        while self._state != "stopped":
            self._wake.clear()
            due = None if self._state == "paused" else self._window.due
            left = None if due is None else due - time.monotonic()
            if left is not None and left <= 0:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._wake.wait()

    # -- comparing and telling ---------------------------------------------------------------------------

    async def _flush(self, cause: Cause, *, only_if_due: bool = False) -> None:
        async with self._turn:
            due = self._window.due
            if self._state != "running" or (only_if_due and (due is None or due > time.monotonic())):
                return  # somebody else has just flushed
            self._window.close()
            hints, self._hints = self._hints, {}
            everything, self._everything = self._everything, False
            rescan, self._rescan = self._rescan, False
            try:
                with self._scanning(everything):
                    view = await self._reader.reconcile(hints, everything=everything)
                await self._cover(view)
            except BaseException:
                self._everything = True
                raise
            await self._tell("rescan" if rescan and cause == "watch" else cause)

    async def _look(self, paths: tuple[str, ...], cause: Cause) -> None:
        async with self._turn:
            if self._state == "running":
                await self._cover(await self._reader.reconcile(paths))
                await self._tell(cause)

    async def _rescope(self, scope: Scope, cause: Cause) -> None:
        async with self._turn:
            await self._watch_planned(scope)
            self._window.close()
            hints, self._hints = self._hints, {}
            try:
                with self._scanning():
                    view = await self._reader.adopt(scope, hints)
                await self._cover(view)
            except BaseException:
                self._everything = True
                raise
            await self._tell(cause)

    async def _repace(self, pacing: Pacing) -> None:
        async with self._turn:
            before, self._pacing = self._pacing, pacing
            pending = self._window.due is not None
            self._window = pacing.window()
            if before.source != pacing.source:
                old, self._source = self._source, self._make_source()
                await self._source.watch(self._watched)
                await old.stop()
            if pending:
                self._on_hints(Hints(at=time.monotonic()))
        self._publish()

    async def _tell(self, cause: Cause) -> None:
        """Deliver what is untold; while paused it stays so."""
        if self._state == "running":
            changes, rescoped = self._reader.take_untold()
            if changes or rescoped:
                await self._deliver(Flush(changes, cause, rescoped))
        self._publish()

    # -- what must be watched ----------------------------------------------------------------------------

    def _make_source(self) -> SupervisedSource:
        return make_source(self._on_hints, self._reader.concerns, self._reader.differences, self._pacing.source)

    async def _watch_planned(self, scope: Scope) -> None:
        """Watch what `scope` will need, beside what is watched already, before any of it is read."""
        planned = await self._reader.planned(scope)
        self._watched = WatchSet(self._watched.trees | planned.trees, self._watched.folders | planned.folders)
        await self._source.watch(self._watched)

    async def _cover(self, view: View) -> None:
        """Watch what must be watched now; what is watched anew is looked at after that."""
        new_folders: list[str] = []
        for _ in range(_COVER_ROUNDS):
            new_folders += view.new_folders
            readable = self._view.denied - view.denied
            moved, self._moved = self._moved, set()
            self._view, what, before = view, view.watch_set, self._watched
            if what != before or moved or readable:
                await self._source.watch(what)
                self._watched = what
            new = (what.trees - before.trees) | (what.folders - before.folders) | moved | readable
            if not new:
                break
            view = await self._reader.reconcile(new)
        if new_folders and self._source.backend == "native" and not self._source.reports_loss:
            self._spawn(self._look_again(new_folders), "reloadls-new-folders")

    async def _look_again(self, folders: list[str]) -> None:
        """A new folder is watched only a moment after it is noticed: what came into it in between gave no hint."""
        passed = await self._source.barrier(_BARRIER_S)
        self._on_hints(Hints(tuple(folders), time.monotonic(), suspect=not passed))
        await self._source.check_new_folders(_BARRIER_S)

    # -- small things ------------------------------------------------------------------------------------

    def _refuse_if_paused(self) -> None:
        if self._state == "paused":
            raise Paused

    def _publish(self) -> None:
        status = self.status
        if status != self._published:
            self._published = status
            self._on_status(status)

    @contextlib.contextmanager
    def _scanning(self, told: bool = True) -> Iterator[None]:
        if told:
            self._on_scan(True)
        try:
            yield
        finally:
            if told:
                self._on_scan(False)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _owned(self, work: Coroutine[Any, Any, None]) -> None:
        """Await `work`, which goes on to its end even if the caller is cancelled."""
        await asyncio.shield(self._spawn(work, "reloadls-request"))
