"""One watchfiles instance, and the thread that waits for its events.

watchfiles is used at its lowest level, `RustNotify`, on its own thread, so a watcher never waits for a shared thread
pool. This module notices what watchfiles does not: a watched path that is replaced, deleted or comes back (its identity
is checked twice a second), a process that stood still, and a burst that the kernel's queue can't have held. The safety
net finds the rest (`supervised.py`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable

from watchfiles import Change
from watchfiles._rust_notify import RustNotify

from reloadls.base.paths import prefix_of
from reloadls.watch.sources.base import Hints, SourceFailed
from reloadls.watch.sources.cookies import Cookies
from reloadls.watch.sources.timing import changed_at

__all__ = ["WatchfilesInstance", "failure_of"]

_GUARD_S = 0.5
"""How often, at most, the identity of the watched paths is checked, in seconds."""
_GUARD_PER_PATH_S = 0.005
"""Interval per path, in seconds: the check uses under 0.1 % of a core (a stat takes about 2 µs)."""
_SLACK_S = 0.02
"""How much longer than requested, in seconds, a sleep may take on a busy machine."""
_STALL_S = 1.0
"""If a wait takes this much longer than requested, in seconds, the process stood still."""

_log = logging.getLogger(__name__)


class WatchfilesInstance:
    """One RustNotify and the thread that waits for its events."""

    def __init__(
        self,
        emit: Callable[[Hints], None],
        is_relevant: Callable[[str], bool],
        step_ms: int,
        paths: frozenset[str],
        *,
        recursive: bool,
    ) -> None:
        self._emit = emit
        self._is_relevant = is_relevant
        self._step_ms = step_ms
        self._paths = paths
        self._recursive = recursive
        self._guard_s = max(_GUARD_S, _GUARD_PER_PATH_S * len(paths))
        self._burst = _queue_length() // 16
        self._loop = asyncio.get_running_loop()
        self._started: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._stopping = threading.Event()
        self._opened: dict[str, _Identity] = {}
        self._seen: dict[str, _Identity] = {}
        self._cookies = Cookies()
        self._aliases: list[tuple[str, str]] = []
        kind = "trees" if recursive else "folders"
        self._thread = threading.Thread(target=self._run, name=f"reloadls-native-{kind}", daemon=True)

    async def start(self) -> None:
        """Return when the operating system watches.

        Raises:
            SourceFailed: it does not.
        """
        self._thread.start()
        try:
            await asyncio.shield(self._started)
        except BaseException:
            await self.stop()
            raise

    def watches(self, paths: frozenset[str]) -> bool:
        """Return whether it watches exactly `paths`, and all of them are still the same files or folders."""
        return (
            self._paths == paths
            and not self._ended.done()
            and all(_identity(path) == self._opened.get(path) for path in paths)
        )

    async def barrier(self, timeout: float) -> bool:
        """Return whether all hints noticed before the call were emitted within `timeout` seconds."""
        return not self._ended.done() and await self._cookies.barrier(timeout)

    async def misses_new_folders(self, timeout: float) -> bool:
        """Return whether new folders are certainly not watched; takes about `timeout` seconds at most."""
        return not self._ended.done() and await self._cookies.misses_new_folders(timeout)

    async def stop(self) -> None:
        """Stop and join the thread."""
        self._stopping.set()
        await asyncio.shield(self._ended)
        self._thread.join()

    # -- on the thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._watch_until_stopped()
        except SourceFailed as failure:
            self._end_failed(failure)
        except Exception as error:  # any error ends watching
            _log.exception("native watching ended")
            self._end_failed(SourceFailed("backendFailed", f"native watching failed: {type(error).__name__}: {error}"))
        finally:
            self._cookies.close()
            self._report(_done, self._ended)

    def _end_failed(self, failure: SourceFailed) -> None:
        if self._report(_fail, self._started, failure):
            self._emit(Hints(at=time.monotonic(), suspect=True, failure=failure))

    def _watch_until_stopped(self) -> None:
        notify = self._open()
        try:
            self._report(_done, self._started)
            guard_ms = round(self._guard_s * 1000)
            while True:
                begun = time.monotonic()
                try:
                    found = notify.watch(1, self._step_ms, guard_ms, self._stopping)
                except RuntimeError as error:
                    raise failure_of(error) from error
                if found in ("stop", "signal") or self._stopping.is_set() or self._loop.is_closed():
                    return
                events = found if isinstance(found, set) else set()
                noticed = time.monotonic()
                self._guard(events)  # before the barriers in these events are passed
                self._hint(events, begun, noticed)
        finally:
            notify.close()

    def _open(self) -> RustNotify:
        self._opened = {path: _identity(path) for path in self._paths}
        self._seen = dict(self._opened)
        self._aliases = [
            (prefix_of(real), prefix_of(path)) for path in self._paths if (real := os.path.realpath(path)) != path
        ]
        there = sorted(path for path, identity in self._opened.items() if identity is not None)
        try:
            return RustNotify([*there, *self._cookies.folder()], False, False, 0, self._recursive, False)
        except (OSError, RuntimeError) as error:
            raise failure_of(error) from error

    def _hint(self, found: set[tuple[int, str]], begun: float, now: float) -> None:
        stalled = now - begun > self._guard_s + 5 * self._step_ms / 1000 + _STALL_S
        if not found and not stalled:
            return
        paths, mine = self._cookies.split(self._named(path for _, path in found))
        suspect = stalled or len(paths) >= self._burst
        relevant = tuple(path for path in sorted(paths) if self._is_relevant(path))
        if relevant or suspect:
            # watchfiles reports events within one to two of its steps.
            bound = min(now - begun, 2 * self._step_ms / 1000 + _SLACK_S)
            first, last = changed_at(relevant, now, bound)
            self._emit(Hints(relevant, last, first=first, suspect=suspect))
        self._cookies.seen(mine)

    def _named(self, paths: Iterable[str]) -> set[str]:
        """Return `paths`, also with links to folders resolved.

        watchfiles follows such links, and reports a folder that is reached in two ways under one of its names only.
        """
        named = {self._as_given(path) for path in paths}
        folders = {folder: os.path.realpath(folder) for folder in {os.path.dirname(path) for path in named}}
        if all(folder == real for folder, real in folders.items()):
            return named
        real = (os.path.join(folders[os.path.dirname(path)], os.path.basename(path)) for path in named)
        return named | {self._as_given(path) for path in real}

    def _as_given(self, path: str) -> str:
        """Return the path below the root that the user named, decoded like this program's file names."""
        path = os.fsdecode(path.encode())
        for real, given in self._aliases:  # macOS reports real paths
            if path.startswith(real) and not path.startswith(given):
                return given + path[len(real) :]
        return path

    def _guard(self, events: set[tuple[int, str]]) -> None:
        """Emit a hint for watched paths that are no longer the same files or folders."""
        now = {path: _identity(path) for path in self._paths}
        gone = {self._as_given(path) for kind, path in events if kind == Change.deleted} & self._paths
        self._opened.update(dict.fromkeys(gone, _ENDED))  # its replacement may have the same inode
        moved = tuple(path for path, identity in now.items() if identity != self._seen[path] or path in gone)
        if moved:
            self._seen = now
            self._emit(Hints(moved, time.monotonic(), moved=True))

    def _report(self, call: Callable[..., None], *args: object) -> bool:
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:
            return False
        return True


_Identity = tuple[int, int] | None
_ENDED: _Identity = (-1, -1)
"""Identity of a path whose system watch has ended."""


def _identity(path: str) -> _Identity:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _queue_length() -> int:
    """Return how many events the kernel queues (inotify(7)); Linux's default elsewhere."""
    try:
        with open("/proc/sys/fs/inotify/max_queued_events", "rb") as file:
            return max(16, int(file.read()))
    except (OSError, ValueError):
        return 16384


def failure_of(error: Exception) -> SourceFailed:
    """Return the error as a problem that users can fix."""
    text = str(error)
    if "Unable to decode" in text:
        return SourceFailed("undecodable", "a file name that is not UTF-8 ended native watching; restarting it")
    if "limit" in text.lower() or text.endswith(("(os error 24)", "(os error 28)")):  # EMFILE, ENOSPC
        hint = "raise fs.inotify.max_user_watches or fs.inotify.max_user_instances, or exclude folders"
        return SourceFailed("watchLimit", f"the system's limit of watches is reached ({text}): {hint}")
    if isinstance(error, PermissionError):
        return SourceFailed("permissionDenied", f"a folder can't be watched ({text}): exclude it or allow reading it")
    return SourceFailed("backendFailed", f"native watching failed: {text}")


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _fail(future: asyncio.Future[None], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
