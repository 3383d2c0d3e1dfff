"""One folder's records for all its subscribers: one watch, one parse for each change, one history."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from reloadls.records.clock import Clock, Timer
from reloadls.records.documents.document import Document
from reloadls.records.documents.reader import linked_kinds, read_documents
from reloadls.records.keys import Key, key_of
from reloadls.records.layout import Layout
from reloadls.records.resume.history import History
from reloadls.records.resume.keeper import Keeper
from reloadls.records.states.state import Change, RecordState
from reloadls.records.states.store import Moment, RecordStore, Update
from reloadls.watch.flush import Flush, Pacing
from reloadls.watch.pipeline import Pipeline
from reloadls.watch.scope.scope import Scope
from reloadls.watch.sources.choose import SourceName
from reloadls.watch.status import WatchStatus

if TYPE_CHECKING:
    from reloadls.watch.sources.linux.kernel import Kernel

__all__ = ["Feed", "Subscriber"]

_log = logging.getLogger(__name__)
_CHUNK: Final = 500
"""How many documents one call reads."""
_RETRY_S: Final = 1.0
"""How long, in seconds, to wait before reading is tried again that failed as a whole."""
_SHARE: Final = 0.5
"""The part of the debounce that the window takes; the rest is for comparing, reading, keeping and delivering."""


class Subscriber(Protocol):
    """Receives what happens to a folder's records. Called on the event loop; nobody waits for it."""

    def on_changes(self, changes: Sequence[Change]) -> None:
        """Called after the published states have changed."""

    def on_progress(self, read: int, total: int) -> None:
        """Called while the documents are read for the first time."""

    def on_status(self, status: WatchStatus) -> None:
        """Called when the status of watching has changed."""


class Feed:
    """Watches one folder with one layout. Created and used on one event loop.

    Args:
        folder: the folder of the kinds, absolute.
        layout: its layout.
        debounce: after which time, in seconds, a change should have been delivered.
        clock: what measures time.
        state_folder: where to keep what later streams continue from; None keeps nothing.
        kernel: returns the inotify instance to use; None creates one.
        source: what produces hints.
    """

    def __init__(
        self,
        folder: str,
        layout: Layout,
        debounce: float,
        *,
        clock: Clock,
        state_folder: str | None,
        kernel: Callable[[], Kernel] | None,
        source: SourceName,
    ) -> None:
        self.folder = folder
        self.layout = layout
        self.clock = clock
        self.states: dict[Key, RecordState] = {}
        """What is published: the states at the current clock."""
        self.history = History()
        self.subscribers: dict[Subscriber, None] = {}
        self.scans = self.parses = 0
        """How often the folder was read as a whole, and how many documents were parsed."""
        pacing = Pacing(_SHARE * debounce, _SHARE * debounce, use=source)
        self._pipeline = Pipeline(
            _scope(folder, layout), self._deliver, pacing=pacing, on_status=self._on_status, kernel=kernel
        )
        self._keeper = Keeper(self._pipeline, state_folder, f"records\n{folder}\n{layout.key}")
        self._store = RecordStore(layout)
        self._links: dict[str, str] = {}
        self._dirty: dict[Key, None] = {}
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._alarm = clock.alarm(self._on_time)
        self._timer: Timer | None = None
        self._begun: asyncio.Task[None] | None = None
        self._ready = self._closed = False

    @property
    def status(self) -> WatchStatus:
        """The status of watching."""
        status = self._pipeline.status
        if self._keeper.problem is None:
            return status
        return WatchStatus(status.state, status.backend, status.roots, (*status.problems, self._keeper.problem))

    async def join(self, subscriber: Subscriber) -> None:
        """Add a subscriber; return when the records are known and every later change is noticed."""
        self.subscribers[subscriber] = None
        if self._begun is None:
            self._begun = asyncio.create_task(self._begin(), name="reloadls-records")
        await asyncio.shield(self._begun)

    async def sync(self) -> None:
        """Return when everything that was written before the call has been delivered to all subscribers."""
        await self._pipeline.sync()
        await self._owned(self._process(again=True))

    async def close(self) -> None:
        """End, and leave no task, thread or descriptor."""
        self._closed = True
        self._alarm.close()
        if self._timer is not None:
            self._timer.cancel()
        tasks = {task for task in (self._begun, *self._tasks) if task is not None and not task.done()}
        tasks.discard(asyncio.current_task())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._keeper.close()
        await self._pipeline.stop()

    # -- the start ---------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        await self._pipeline.start()
        files = await self._pipeline.files()
        self.scans += 1
        keys = [key for path in files if (key := key_of(path, self.folder, self.layout.kinds)) is not None]
        self.history, saved = await self._keeper.open()
        documents: dict[Key, Document | None] = dict.fromkeys(saved)
        for start in range(0, len(keys), _CHUNK):
            self._each("on_progress", start, len(keys))
            documents.update(await self._read(keys[start : start + _CHUNK]))
        self._each("on_progress", len(keys), len(keys))
        self._links = await self._find_links(None)
        async with self._turn:
            await self._pipeline.run(self._store.seed, saved)
            self.states.update(saved)
            await self._take(documents, self._moment(), first=self.history.number == 0)
            self._ready = True
        if self._dirty:
            await self._process()

    # -- changes -----------------------------------------------------------------------------------------

    async def _deliver(self, flush: Flush) -> None:
        for change in flush.changes:
            key = key_of(str(change.path), self.folder, self.layout.kinds)
            if key is not None:
                self._dirty[key] = None
        if self._dirty:
            await self._process_or_retry()

    async def _process(self, *, again: bool = False) -> None:
        """Read what may have changed, and deliver what has.

        Args:
            again: whether broken documents are read again, and all links are looked for, whatever the time.
        """
        if not self._ready or self._closed:
            return
        async with self._turn:
            now = self._moment()
            # Taken before they are read: what changes meanwhile is read again.
            taken, self._dirty = self._dirty, {}
            keys = [*dict.fromkeys([*taken, *(self._store.broken if again else self._store.to_read(now))])]
            try:
                documents = await self._read(keys) if keys else {}
                if keys or again:
                    self._links = await self._find_links(None if again else keys)
                await self._take(documents, self._moment())
            except BaseException:
                self._dirty = taken | self._dirty
                raise

    async def _take(self, documents: dict[Key, Document | None], now: Moment, *, first: bool = False) -> None:
        """Take over what files hold; keep and publish what has changed. The caller holds the turn.

        Args:
            documents: what files hold.
            now: the current moment.
            first: whether nothing was known before: then there is no clock to go back to.
        """
        update = await self._pipeline.run(self._store.update, documents, now, self._links)
        if update.changes:
            step = self.history.draft(update.changes)
            await self._keeper.save(step, update.changes)
            self.history.add(step, forget=first)
            for change in update.changes:
                if change.after is None:
                    self.states.pop(change.key, None)
                else:
                    self.states[change.key] = change.after
            self._each("on_changes", update.changes)
        self._schedule(update)

    async def _read(self, keys: Sequence[Key]) -> dict[Key, Document | None]:
        found: dict[Key, Document | None] = {}
        for start in range(0, len(keys), _CHUNK):
            read = partial(read_documents, self.folder, keys[start : start + _CHUNK])
            found.update(await self._pipeline.run_at(self.folder, read))
        self.parses += len(keys)
        return found

    async def _find_links(self, keys: Iterable[Key] | None) -> dict[str, str]:
        """Return the kinds' folders that are links, of those that may be.

        Args:
            keys: what has changed; None: look at all kinds.
        """
        kinds: Sequence[str] | None = self.layout.kinds or None
        if kinds is None and keys is not None:
            kinds = [*self._links, *(kind for kind, _ in keys)]
        return await self._pipeline.run_at(self.folder, lambda: linked_kinds(self.folder, kinds))

    # -- time --------------------------------------------------------------------------------------------

    def _moment(self) -> Moment:
        return Moment(self.clock.time(), self.clock.monotonic())

    def _schedule(self, update: Update) -> None:
        if self._closed:
            return
        self._alarm.set(update.alarm)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if update.look_at is not None:
            self._call_later(max(0.0, update.look_at - self.clock.monotonic()))

    def _call_later(self, delay_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.clock.call_later(delay_s, self._on_time)

    def _on_time(self) -> None:
        if self._ready and not self._closed:
            self._spawn(self._process_or_retry(), "reloadls-records-time")

    async def _process_or_retry(self) -> None:
        """Process what may have changed; if that fails, as where a file system does not answer, try again later."""
        try:
            await self._process()
        except Exception as error:
            _log.warning(
                "reading records of %s failed; retrying in %g s: %s", self.folder, _RETRY_S, error,
                exc_info=not isinstance(error, OSError),
            )  # fmt: skip
            self._call_later(_RETRY_S)

    # -- helpers -----------------------------------------------------------------------------------------

    def _on_status(self, status: WatchStatus) -> None:
        self._each("on_status", status)

    def _each(self, method: str, *args: Any) -> None:
        for subscriber in list(self.subscribers):
            try:
                getattr(subscriber, method)(*args)
            except Exception:
                _log.exception("a subscriber raised; the others were notified")

    def _spawn(self, work: Any, name: str) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _owned(self, work: Any) -> None:
        """Await `work`, which runs to its end even if the caller is cancelled."""
        await asyncio.shield(self._spawn(work, "reloadls-records-request"))


def _scope(folder: str, layout: Layout) -> Scope:
    """Return the scope of a folder's records: files of two levels, whatever the kinds are called."""
    include = [f"/{kind}/*.json" for kind in layout.kinds] or ["/*/*.json"]
    exclude = ["!/*/", "/.*/", *(f"!/{kind}/" for kind in layout.kinds), "/*/*/", "/*/.*"]
    return Scope([folder], include=include, exclude=exclude, use_gitignore=False)
