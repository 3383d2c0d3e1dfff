"""How hints keep coming: native notifications with a safety net, and polling while those fail."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine

from reloadls.watch.snapshot.folder import Folder
from reloadls.watch.snapshot.problems import Problem
from reloadls.watch.snapshot.roots import WatchSet
from reloadls.watch.sources.base import Backend, Hints, Source, SourceFailed
from reloadls.watch.sources.linux.inotify import InotifySource

__all__ = ["SAFETY_NET_FLOOR_S", "SAFETY_NET_RATIO", "SupervisedSource"]

SAFETY_NET_FLOOR_S = 5.0
"""The shortest time, in seconds, between two comparisons of the safety net."""
SAFETY_NET_RATIO = 2000.0
"""The pause after such a comparison is at least this many times as long."""

_FIRST_RETRY_S = 0.1
_LAST_RETRY_S = 300.0
_PROVEN_S = 60.0
"""A native source that ran this long, in seconds, is retried soon after it fails."""

_log = logging.getLogger(__name__)
_Make = Callable[[Callable[[Hints], None]], Source]


class SupervisedSource:
    """Keeps hints coming whatever fails.

    **The safety net's bound.** The native source can't report every loss: its kernel queue may overflow unnoticed. So
    everything is compared from time to time. A change whose hint was lost is found at the latest
    ``max(SAFETY_NET_FLOOR_S, SAFETY_NET_RATIO x d) + d`` after it was made, where d is the duration of a comparison.
    That is about 5 s for a tree of 500 files, two minutes for 10,000; the window comes on top. The net uses a
    two-thousandth of a core. A suspected loss (the process stood still, a burst that the queue can't have held, a
    failed source) does not wait for the net: the next flush compares everything.

    **Failure.** While the native source fails, polling replaces it. The native source is retried after 0.1 s, and then
    after twice as long each time, up to 5 minutes.

    Args:
        emit: called with hints, on the event loop.
        make_native: creates the native source; None polls from the beginning.
        make_net: creates the slow polling source that runs beside it; None if it reports its own losses.
        make_polling: creates the source that replaces it.
    """

    def __init__(
        self,
        emit: Callable[[Hints], None],
        make_native: _Make | None,
        make_net: _Make | None,
        make_polling: _Make,
    ) -> None:
        self._emit = emit
        self._make_native = make_native
        self._make_net = make_net
        self._make_polling = make_polling
        self._native: Source | None = None
        self._aside: Source | None = None
        """The safety net, or the replacement of the native source."""
        self._what = WatchSet()
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._retrying = False
        self._retry_s = _FIRST_RETRY_S
        self._native_since = 0.0
        self.failure: SourceFailed | None = None
        """Why the native source is not in use; None while it is, or if polling was requested."""

    @property
    def backend(self) -> Backend:
        """What produces hints now."""
        if self._make_native is None or self.failure is not None:
            return "polling"
        return "native" if self._native is None else self._native.backend

    @property
    def reports_loss(self) -> bool:
        """Whether every loss of hints is reported."""
        return self._native is not None and self._native.reports_loss

    async def watch(self, what: WatchSet) -> None:
        """See `Source.watch`. Never raises SourceFailed."""
        async with self._turn:
            self._what = what
            if self._native is not None:
                try:
                    await self._native.watch(what)
                except SourceFailed as failure:
                    await self._fall_back(failure)
            elif self._make_native is None:
                if self._aside is None:
                    await self._replace_aside(self._make_polling)
            elif not self._retrying:
                await self._try_native(self._make_native)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """See `Source.problems`. Includes why the native source is not in use."""
        if self._native is not None:
            return self._native.problems
        return () if self.failure is None else (Problem(self.failure.code, str(self.failure)),)

    def polls(self, path: str) -> bool:
        """Return whether the folder `path` is polled because the kernel does not watch it."""
        return isinstance(self._native, InotifySource) and self._native.polls(path)

    @property
    def native(self) -> Source | None:
        """The native source; None while it is not in use."""
        return self._native

    def enter(self, path: str, folder: Folder) -> None:
        """See `FolderListener.enter`."""
        native = self._native
        if native is not None:
            native.enter(path, folder)

    def leave(self, path: str, folder: Folder) -> None:
        """See `FolderListener.leave`."""
        native = self._native
        if native is not None:
            native.leave(path, folder)

    def enter_file(self, path: str) -> bool:
        """See `FolderListener.enter_file`."""
        native = self._native
        return native is not None and native.enter_file(path)

    async def barrier(self, timeout: float) -> bool:
        """See `Source.barrier`."""
        return self._native is not None and await self._native.barrier(timeout)

    async def check_new_folders(self, timeout: float) -> None:
        """See `Source.check_new_folders`."""
        if self._native is not None:
            await self._native.check_new_folders(timeout)

    async def stop(self) -> None:
        """See `Source.stop`."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        sources, self._native, self._aside = (self._native, self._aside), None, None
        for source in sources:
            if source is not None:
                await source.stop()

    def abandon(self) -> None:
        """Release system resources without waiting: the event loop has ended."""
        if isinstance(self._native, InotifySource):
            self._native.abandon()

    async def _try_native(self, make: _Make) -> None:
        native = make(self._on_native_hints)
        try:
            await native.watch(self._what)
        except SourceFailed as failure:
            await self._fall_back(failure)
            return
        except BaseException:
            await native.stop()
            raise
        again = self.failure is not None
        self._native, self.failure, self._native_since = native, None, time.monotonic()
        if again:
            self._emit(Hints(at=time.monotonic(), suspect=True))
        await self._replace_aside(self._make_net)

    async def _fall_back(self, failure: SourceFailed) -> None:
        """Poll, and retry the native source later."""
        if self.failure is None or self.failure.code != failure.code:
            level = logging.INFO if failure.code == "undecodable" else logging.WARNING  # it recovers by itself
            _log.log(level, "polling instead of native watching: %s", failure)
        self.failure = failure
        native, self._native = self._native, None
        if native is not None:
            await native.stop()
            if time.monotonic() - self._native_since > _PROVEN_S:
                self._retry_s = _FIRST_RETRY_S
        if native is not None or self._aside is None:
            await self._replace_aside(self._make_polling)
        self._emit(Hints(at=time.monotonic(), suspect=True))
        if not self._retrying:
            self._retrying = True
            self._spawn(self._try_again(), "reloadls-retry-native")

    async def _try_again(self) -> None:
        try:
            while self.failure is not None:
                await asyncio.sleep(self._retry_s)
                self._retry_s = min(2 * self._retry_s, _LAST_RETRY_S)
                async with self._turn:
                    if self._make_native is not None:
                        await self._try_native(self._make_native)
        finally:
            self._retrying = False
        self._emit(Hints(at=time.monotonic(), suspect=True))

    async def _replace_aside(self, make: _Make | None) -> None:
        old, self._aside = self._aside, None
        if old is not None:
            await old.stop()
        if make is not None:
            self._aside = make(self._emit)
            await self._aside.watch(self._what)

    def _on_native_hints(self, hints: Hints) -> None:
        if hints.failure is not None:
            self._spawn(self._after_failure(hints.failure), "reloadls-fall-back")
        self._emit(hints)

    async def _after_failure(self, failure: SourceFailed) -> None:
        async with self._turn:
            if self._native is not None:
                await self._fall_back(failure)

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
