"""One watchfiles instance, and the thread that waits on it.

watchfiles is used at its lowest level, `RustNotify`, from a thread of our own, so that a watcher never waits for a
place in a shared pool. What watchfiles does not notice by itself is noticed here: a watched path that is replaced,
deleted or comes back (its identity is looked at twice a second), a process that stood still, a burst that the kernel's
queue can't have held. What nobody can notice, the safety net finds (`supervised.py`).
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
"""How often, at most, the watched paths' identity is looked at, in seconds."""
_GUARD_PER_PATH_S = 0.005
"""With many paths the guard slows down, so that it costs under 0.1 % of a core (a stat takes about 2 µs)."""
_SLACK_S = 0.02
"""How much longer than asked, in seconds, a sleep may take on a busy machine."""
_STALL_S = 1.0
"""A wait that lasts this much longer than asked means that the process stood still."""

_log = logging.getLogger(__name__)


class WatchfilesInstance:
    """One RustNotify and the thread that waits on it."""

    def __init__(
        self,
        give: Callable[[Hints], None],
        is_relevant: Callable[[str], bool],
        step_ms: int,
        paths: frozenset[str],
        *,
        recursive: bool,
    ) -> None:
        self._give = give
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
        """Return when the operating system watches. Raises SourceFailed if it won't."""
        self._thread.start()
        try:
            await asyncio.shield(self._started)
        except BaseException:
            await self.stop()
            raise

    def watches(self, paths: frozenset[str]) -> bool:
        """Whether it watches just `paths`, and they still are what they were."""
        return (
            self._paths == paths
            and not self._ended.done()
            and all(_identity(path) == self._opened.get(path) for path in paths)
        )

    async def barrier(self, timeout: float) -> bool:
        """Return whether what was noticed before the call has been given, after `timeout` seconds at most."""
        return not self._ended.done() and await self._cookies.barrier(timeout)

    async def misses_new_folders(self, timeout: float) -> bool:
        """Return whether folders that appear are surely not watched, after some `timeout` seconds at most."""
        return not self._ended.done() and await self._cookies.misses_new_folders(timeout)

    async def stop(self) -> None:
        """End; the thread is gone when this returns."""
        self._stopping.set()
        await asyncio.shield(self._ended)
        self._thread.join()

    # -- on the thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._watch_until_stopped()
        except SourceFailed as failure:
            self._end_failed(failure)
        except Exception as error:  # whatever it is, nobody is watching any more
            _log.exception("native watching ended")
            self._end_failed(SourceFailed("backendFailed", f"native watching failed: {type(error).__name__}: {error}"))
        finally:
            self._cookies.close()
            self._report(_done, self._ended)

    def _end_failed(self, failure: SourceFailed) -> None:
        if self._report(_fail, self._started, failure):
            self._give(Hints(at=time.monotonic(), suspect=True, failure=failure))

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
                self._guard(events)  # before barriers pass in what follows
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
            # watchfiles gives what has come within one to two of its steps.
            bound = min(now - begun, 2 * self._step_ms / 1000 + _SLACK_S)
            first, last = changed_at(relevant, now, bound)
            self._give(Hints(relevant, last, first=first, suspect=suspect))
        self._cookies.seen(mine)

    def _named(self, paths: Iterable[str]) -> set[str]:
        """`paths`, and what they are without links to folders on the way.

        watchfiles follows such links, and tells of a folder that is reached in two ways by one of its names only.
        """
        named = {self._as_given(path) for path in paths}
        folders = {folder: os.path.realpath(folder) for folder in {os.path.dirname(path) for path in named}}
        if all(folder == real for folder, real in folders.items()):
            return named
        real = (os.path.join(folders[os.path.dirname(path)], os.path.basename(path)) for path in named)
        return named | {self._as_given(path) for path in real}

    def _as_given(self, path: str) -> str:
        """The path as the user gave it, in the form that this program's file names have."""
        path = os.fsdecode(path.encode())
        for real, given in self._aliases:  # macOS reports real paths
            if path.startswith(real) and not path.startswith(given):
                return given + path[len(real) :]
        return path

    def _guard(self, events: set[tuple[int, str]]) -> None:
        """Tell of watched paths that are no longer what they were when watching began."""
        now = {path: _identity(path) for path in self._paths}
        gone = {self._as_given(path) for kind, path in events if kind == Change.deleted} & self._paths
        self._opened.update(dict.fromkeys(gone, _ENDED))  # what came in its place may have got its inode
        moved = tuple(path for path, identity in now.items() if identity != self._seen[path] or path in gone)
        if moved:
            self._seen = now
            self._give(Hints(moved, time.monotonic(), moved=True))

    def _report(self, call: Callable[..., None], *args: object) -> bool:
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:
            return False
        return True


_Identity = tuple[int, int] | None
_ENDED: _Identity = (-1, -1)
"""In place of a path's identity: the system's watch of it has ended."""


def _identity(path: str) -> _Identity:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _queue_length() -> int:
    """How many events the kernel keeps for us (inotify(7)); Linux's default elsewhere."""
    try:
        with open("/proc/sys/fs/inotify/max_queued_events", "rb") as file:
            return max(16, int(file.read()))
    except (OSError, ValueError):
        return 16384


def failure_of(error: Exception) -> SourceFailed:
    """What went wrong, as a problem that a person can mend."""
    text = str(error)
    if "Unable to decode" in text:
        return SourceFailed("undecodable", "a file name that is not UTF-8 ended native watching; it is begun anew")
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
