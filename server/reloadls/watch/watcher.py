"""The library's main class: calls back with the files that really changed."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from reloadls.base.paths import absolute
from reloadls.watch.change import FileChange, net_changes
from reloadls.watch.discovery import discover_user_modules
from reloadls.watch.flush import Flush, Pacing
from reloadls.watch.pipeline import Pipeline
from reloadls.watch.scope.scope import Scope
from reloadls.watch.sources.choose import SOURCE_NAMES, SourceName
from reloadls.watch.status import WatchStatus

__all__ = ["FileWatcher", "OnChange"]

OnChange = Callable[[list[FileChange]], Awaitable[object] | object]

_MAX_WAIT_MS = 2000.0

_log = logging.getLogger(__name__)


class FileWatcher:
    """Calls `on_change` with the net changes of each quiet window, one per path. Without it, use ``async for``.

    `on_change` may be async or plain. It is never cancelled by a later change and never runs twice at once; changes
    made meanwhile become the next batch. Exceptions are logged, and watching continues. A slow reader of ``async for``
    receives larger batches, not more: one change per path.

    Args:
        on_change: called on the event loop with the changes, in the order in which they were noticed.
        debounce_ms: quiet time after the last change before a batch, in milliseconds. It counts from the time of the
            change, not of its notification.
        max_wait_ms: the longest time that a change waits in a busy tree, in milliseconds; at least `debounce_ms`. None:
            2000, or `debounce_ms` if that is more.
        paths: files and folders to watch. None watches the user's own modules (see `discover_user_modules`). A path
            that does not exist yet is watched as soon as it does.
        include: gitignore-style patterns; if there are any, only matching files are reported.
        exclude: gitignore-style patterns of files to ignore, in addition to the built-in ones.
        use_gitignore: ignore what git ignores: .gitignore files, ``info/exclude`` and ``core.excludesFile``.
        force_polling: poll instead of using the system's notifications. None polls only network, FUSE and container
            file systems, where the system does not report every write.
        source: what produces hints: ``"auto"``, ``"inotify"`` (Linux), ``"watchfiles"`` or ``"polling"``.
        poll_delay_ms: time between two polls, in milliseconds.

    Raises:
        ValueError: unknown source, a time that is not positive, or `max_wait_ms` less than `debounce_ms`.
    """

    def __init__(
        self,
        on_change: OnChange | None = None,
        *,
        debounce_ms: float = 200,
        max_wait_ms: float | None = None,
        paths: Iterable[str | os.PathLike[str]] | None = None,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        use_gitignore: bool = True,
        force_polling: bool | None = None,
        poll_delay_ms: float = 300,
        source: SourceName = "auto",
    ) -> None:
        for name, value in (("debounce_ms", debounce_ms), ("poll_delay_ms", poll_delay_ms)):
            if value <= 0:
                raise ValueError(f"{name} must be greater than 0, not {value}")
        if max_wait_ms is None:
            max_wait_ms = max(_MAX_WAIT_MS, debounce_ms)
        if max_wait_ms < debounce_ms:
            raise ValueError(f"max_wait_ms ({max_wait_ms}) must be at least debounce_ms ({debounce_ms})")
        self._on_change = on_change
        if source not in SOURCE_NAMES:
            raise ValueError(f"source must be one of {', '.join(SOURCE_NAMES)}, not {source!r}")
        use: SourceName = "polling" if force_polling else source
        times = (debounce_ms / 1000, max_wait_ms / 1000, poll_delay_ms / 1000)
        self._pacing = Pacing(*times, use, polls_served=force_polling is None)
        self._include, self._exclude = tuple(include), tuple(exclude)
        self._use_gitignore = use_gitignore
        self._discovers = paths is None
        self._paths = discover_user_modules() if paths is None else _absolute(paths)
        self._pipeline: Pipeline | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begun: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._state: Literal["new", "running", "stopped"] = "new"
        self._changes: list[FileChange] = []
        """Changes that were not passed on yet."""
        self._arrived = asyncio.Event()
        self._turn = asyncio.Lock()
        self._notifying: asyncio.Task[Any] | None = None
        self._is_paused = False
        self._is_read = False

    @property
    def state(self) -> Literal["new", "running", "stopped"]:
        """``"new"`` until `start` has returned, ``"stopped"`` after `stop` or after the event loop has ended."""
        if self._pipeline is not None and self._pipeline.status.state == "stopped":
            return "stopped"
        return self._state

    @property
    def paths(self) -> list[Path]:
        """The files and folders that are watched, absolute; a copy."""
        return list(self._paths)

    @property
    def status(self) -> WatchStatus:
        """The status: each path's state and problems."""
        if self._pipeline is not None:
            status = self._pipeline.status
            return replace(status, state="paused") if self._is_paused and status.state == "watching" else status
        return WatchStatus("starting" if self._state == "new" else "stopped", "native")

    async def start(self) -> None:
        """Return when watching works: a later write is never missed. Does nothing while running.

        Raises:
            RuntimeError: the watcher was stopped; create a new one.
        """
        if self._state == "stopped":
            raise RuntimeError("a FileWatcher cannot be restarted; create a new one")
        if self._begun is None:
            self._begun = asyncio.create_task(self._begin(), name="reloadls-start")
        await asyncio.shield(self._begun)

    async def stop(self) -> None:
        """Cancel what is pending, and leave no task or thread. Does nothing if stopped already.

        A running `on_change` is cancelled, unless it is the caller.
        """
        self._state = "stopped"
        begun, self._begun = self._begun, None
        tasks = {task for task in (begun, *self._tasks) if task is not None and not task.done()}
        tasks.discard(asyncio.current_task())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._pipeline is not None:
            await self._pipeline.stop()
        self._arrived.set()

    async def sync(self) -> None:
        """Return when `on_change` has returned for every change made on disk before the call.

        Without `on_change`: return when ``async for`` can read it. While paused: return when `resume` will report it.

        Raises:
            RuntimeError: the watcher is not running, or the caller is `on_change`, which would wait for itself.
        """
        if self._pipeline is None or self.state != "running":
            raise RuntimeError(f"a FileWatcher that is {self.state} cannot sync; await start() first")
        if self._notifying is not None and self._notifying is asyncio.current_task():
            raise RuntimeError("on_change cannot await sync(): it would wait for itself")
        await self._pipeline.sync()
        await self._notify()

    def pause(self) -> None:
        """Report no changes until `resume`; nothing is lost. A running `on_change` continues."""
        self._is_paused = True

    def resume(self) -> None:
        """Report the net changes since `pause` at once, and later changes as before."""
        self._is_paused = False
        if self._changes and self.state == "running":
            self._arrived.set()
            self._spawn(self._notify(), "reloadls-resume")

    def __aiter__(self) -> AsyncIterator[list[FileChange]]:
        """Iterate over batches of changes until `stop`. One reader at a time; not with `on_change`.

        Raises:
            RuntimeError: the watcher has an `on_change`, is not running, or already has a reader.
        """
        if self._on_change is not None:
            raise RuntimeError("a FileWatcher with an on_change can't be read with 'async for'")
        if self.state == "new":
            raise RuntimeError("a FileWatcher must be started before it is read: use 'async with'")
        return self._read()

    async def _read(self) -> AsyncIterator[list[FileChange]]:
        if self._is_read:
            raise RuntimeError("this FileWatcher already has a reader")
        self._is_read = True
        try:
            while True:
                while self._is_paused or not self._changes:
                    if self.state == "stopped":
                        return
                    self._arrived.clear()
                    await self._arrived.wait()
                yield self._take_changes()
        finally:
            self._is_read = False

    def refresh_paths(self) -> None:
        """Discover the user's modules again, and also watch those imported meanwhile.

        No change to watched files is missed. Does nothing with explicit paths, or once stopped. Safe to call from any
        thread.
        """
        if not self._discovers or self._state == "stopped":
            return
        self._paths = discover_user_modules()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._refresh)

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:  # for example cancelled: `__aexit__` will not be called
            await asyncio.shield(asyncio.create_task(self.stop(), name="reloadls-stop"))
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._discovers:
            self._paths = discover_user_modules()
        self._pipeline = Pipeline(self._scope(), self._deliver, pacing=self._pacing)
        try:
            await self._pipeline.start()
        except BaseException:
            await self._pipeline.stop()
            self._pipeline = self._begun = None
            raise
        self._state = "running"

    def _refresh(self) -> None:
        if self._pipeline is not None and self._state != "stopped":
            self._spawn(self._rescope(self._pipeline), "reloadls-refresh")

    async def _rescope(self, pipeline: Pipeline) -> None:
        scope = self._scope()
        if scope != pipeline.scope:
            await pipeline.rescope(scope)

    def _scope(self) -> Scope:
        return Scope(self._paths, include=self._include, exclude=self._exclude, use_gitignore=self._use_gitignore)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, flush: Flush) -> None:
        self._changes = net_changes([*self._changes, *flush.changes]) if self._changes else flush.changes
        if self._changes:
            self._arrived.set()
            await self._notify()

    def _take_changes(self) -> list[FileChange]:
        changes, self._changes = self._changes, []
        return changes

    async def _notify(self) -> None:
        """Call `on_change` with the pending changes, never twice at once."""
        if self._on_change is None or (self._notifying is not None and self._notifying is asyncio.current_task()):
            return
        async with self._turn:
            if self._changes and not self._is_paused:
                self._notifying = asyncio.current_task()
                try:
                    await self._call(self._on_change)
                finally:
                    self._notifying = None

    async def _call(self, on_change: OnChange) -> None:
        try:
            answer = on_change(self._take_changes())
            if inspect.isawaitable(answer):
                await answer
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            _log.warning("on_change cancelled itself; watching continues")
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # for example a cancellation of another framework
            _log.exception("on_change failed; watching continues")


def _absolute(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    if isinstance(paths, (str, os.PathLike)):
        raise TypeError(f"paths must be a list of paths, not one: [{paths!r}]")
    return list(dict.fromkeys(Path(absolute(path)) for path in paths))
