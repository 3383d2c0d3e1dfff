"""Hints from the Linux kernel, read by the event loop: no thread, no polling, no wake-ups while nothing changes.

The folders of a tree are watched one by one, each just before the snapshot lists it (`enter`). So ignored folders are
never watched, and no change falls between listing and watching.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from reloadls.base.paths import outermost
from reloadls.watch.disk.guarded import GuardedDisk, TimedOut
from reloadls.watch.snapshot.folder import Folder
from reloadls.watch.snapshot.problems import Problem, ProblemCode
from reloadls.watch.snapshot.relevance import is_entry_relevant
from reloadls.watch.snapshot.roots import WatchSet
from reloadls.watch.sources.ancestors import AncestorWatch, ancestor_watches
from reloadls.watch.sources.base import Backend, Hints, Source, SourceFailed
from reloadls.watch.sources.linux.calls import (
    ATTRIB,
    CLOSE_WRITE,
    CREATE,
    DELETE,
    DELETE_SELF,
    DONT_FOLLOW,
    EXCL_UNLINK,
    IGNORED,
    ISDIR,
    MODIFY,
    MOVE_SELF,
    MOVED_FROM,
    MOVED_TO,
    ONLYDIR,
    UNMOUNT,
    watch_limit,
)
from reloadls.watch.sources.linux.hard_links import FILE, WatchedFiles
from reloadls.watch.sources.linux.kernel import InotifyEvent, Kernel, Watch
from reloadls.watch.sources.linux.unwritten import UnwrittenPaths

__all__ = ["InotifySource"]

_OWN_FATE: Final = DELETE_SELF | MOVE_SELF | ONLYDIR
_NAMES: Final = _OWN_FATE | CREATE | DELETE | MOVED_FROM | MOVED_TO | ATTRIB
# Never opens: a scan would cause its own events. ATTRIB for `touch`, MODIFY for files that stay open.
_CONTENT: Final = _NAMES | MODIFY | CLOSE_WRITE | EXCL_UNLINK
_GONE: Final = DELETE_SELF | MOVE_SELF | UNMOUNT | IGNORED
_OTHER_FILE: Final = CREATE | DELETE | MOVED_FROM | MOVED_TO
"""After these events a name may be that of another file."""
_OPENED: Final = 1000
"""How many files that were created and not closed yet are watched at once."""
_GUARD_S: Final = 60.0
"""How often, in seconds, the watched paths' identity is checked: a file system may be mounted over them."""
_MISSING: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)

_log = logging.getLogger(__name__)


class InotifySource:
    """Watches for one snapshot.

    A folder that the kernel can't watch is polled with everything below it, for example because the user's table of
    watches is full. So is a folder on a file system that a program or another machine serves: the kernel does not
    report writes made there.

    Args:
        emit: called with hints, on the event loop.
        is_relevant: whether a path, a folder or not, matters; must not access the disk.
        run: awaits a blocking call on the disk thread.
        make_polling: creates the source that polls the folders that a call returns.
        kernel: returns the inotify instance to use, shared or not.
        disk: access to the disk.
        polls_served: whether network, FUSE and container file systems are polled as well.
    """

    reports_loss = True

    def __init__(
        self,
        emit: Callable[[Hints], None],
        is_relevant: Callable[[str, bool], bool],
        run: Callable[..., Awaitable[Any]],
        make_polling: Callable[[Callable[[], list[str]]], Source],
        kernel: Callable[[], Kernel],
        *,
        disk: GuardedDisk,
        polls_served: bool = True,
    ) -> None:
        self._emit = emit
        self._is_relevant = is_relevant
        self._run = run
        self._make_polling = make_polling
        self._make_kernel = kernel
        self._disk = disk
        self._loop = asyncio.get_running_loop()
        self._kernel: Kernel | None = None
        self._what = WatchSet()
        self._ancestors: dict[str, tuple[AncestorWatch, Watch | None]] = {}
        self._renewing: set[asyncio.Task[None]] = set()
        self._files = WatchedFiles(self._remove)
        self._left: dict[int, str] = {}
        """Cookie → old path of a file that was moved away."""
        self._opened: dict[str, None] = {}
        """Files that are watched until they are closed."""
        self._unwatched: dict[str, OSError] = {}
        self._polls_served = polls_served
        self._served: dict[str, None] = {}
        """Folders on served file systems: watched and polled."""
        self._polling: Source | None = None
        self._poll_due = False
        self._guard: asyncio.TimerHandle | None = None

    @property
    def kernel(self) -> Kernel | None:
        """The inotify instance in use."""
        return self._kernel

    @property
    def backend(self) -> Backend:
        """See `Source.backend`."""
        trees = self._what.trees
        if not trees or not (self._unwatched or self._served):
            return "native"
        return "polling" if trees <= (self._unwatched.keys() | self._served.keys()) else "native"

    @property
    def problems(self) -> tuple[Problem, ...]:
        """See `Source.problems`. One problem for each reason."""
        by_reason: dict[str, list[str]] = {}
        there = self._unwatched.copy()
        for path in sorted(outermost(there)):
            by_reason.setdefault(_explained(there[path]), []).append(path)
        return tuple(
            Problem(
                _code(there[paths[0]]),
                f"{_some(paths)} can't be watched and is polled: {reason}",
                os.path.commonpath(paths),
            )
            for reason, paths in by_reason.items()
        )

    def polls(self, path: str) -> bool:
        """Return whether the folder `path` is polled because the kernel does not report every write."""
        return path in self._unwatched or path in self._served

    async def watch(self, what: WatchSet) -> None:
        """See `Source.watch`. Trees are watched as the snapshot enters their folders."""
        if self._kernel is None:
            try:
                self._kernel = self._make_kernel()
            except (OSError, NotImplementedError) as error:
                raise _failed(error) from error
            self._kernel.join(self)
            self._guard = self._loop.call_later(_GUARD_S, self._on_guard)
        self._what = what
        await self._run(self._renew)

    async def barrier(self, timeout: float) -> bool:
        """See `Source.barrier`. The kernel queues an event before the system call that caused it returns."""
        return self._kernel is not None and await self._kernel.drain() and not self._polled()

    async def check_new_folders(self, timeout: float) -> None:
        """See `Source.check_new_folders`. Each folder that can't be watched is reported by itself."""

    async def stop(self) -> None:
        """See `Source.stop`."""
        if self._guard is not None:
            self._guard.cancel()
        for task in self._renewing:
            task.cancel()
        if self._renewing:
            await asyncio.wait(self._renewing)
        polling, self._polling = self._polling, None
        if polling is not None:
            await polling.stop()
        self.abandon()

    def abandon(self) -> None:
        """Leave the inotify instance without waiting."""
        kernel, self._kernel = self._kernel, None
        if kernel is not None:
            kernel.leave(self)

    # -- the folders of a tree, on the disk thread ---------------------------------------------------------

    def enter(self, path: str, folder: Folder) -> None:
        """See `FolderListener.enter`."""
        kernel, old = self._kernel, folder.watch
        if kernel is None:
            return
        if old is not None and old.listener is not self:
            old = None
        is_root = path in self._what.trees or path in self._what.inside  # only a root may be a link
        mask = _CONTENT if is_root else _CONTENT | DONT_FOLLOW
        try:
            folder.watch = self._add(kernel, path, mask, folder, old)
        except OSError as error:
            folder.watch = None
            self._cannot_watch(path, error)
        else:
            self._can_watch(path)
        self._note_served(path, path)
        for point in kernel.mounted_in(path):
            if not self._disk.is_dir(point):
                self.enter_file(point)

    def leave(self, path: str, folder: Folder) -> None:
        """See `FolderListener.leave`."""
        watch, folder.watch = folder.watch, None
        if self._kernel is not None and watch is not None and watch.listener is self:
            self._kernel.remove(watch)
        self._files.drop_folder(path)
        self._can_watch(path)
        if self._served.pop(path, self) is None:
            self._poll_soon()

    def enter_file(self, path: str) -> bool:
        """See `FolderListener.enter_file`."""
        kernel, old = self._kernel, self._files.get(path)
        if kernel is None:
            return False
        try:
            watch = self._add(kernel, path, FILE, None, old)
        except OSError as error:
            self._files.drop(path)
            if error.errno not in (*_MISSING, errno.EACCES) and not isinstance(error, TimedOut):
                self._poll_instead(os.path.dirname(path), error)
            return False
        self._files.put(path, watch)
        self._note_served(path, os.path.dirname(path))
        return watch is not old

    def _remove(self, watch: Watch) -> None:
        if self._kernel is not None:
            self._kernel.remove(watch)

    def _add(self, kernel: Kernel, path: str, mask: int, folder: Folder | None, old: Watch | None) -> Watch:
        def undo(late: Watch) -> None:
            if late is not old:
                kernel.remove(late)

        return self._disk.call(path, kernel.add, self, path, mask, folder, old, undo=undo)

    def _cannot_watch(self, path: str, error: OSError) -> None:
        if error.errno in _MISSING or isinstance(error, TimedOut):
            return  # the listing will fail, too
        if error.errno == errno.EACCES:
            return  # the listing fails, too; the ancestor's watch reports the ATTRIB event
        self._poll_instead(path, error)

    def _poll_instead(self, path: str, error: OSError) -> None:
        is_new = path not in self._unwatched
        self._unwatched[path] = error  # before the loop reads it on its thread
        if is_new:
            self._poll_soon()

    def _can_watch(self, path: str) -> None:
        if self._unwatched.pop(path, None) is not None:
            self._poll_soon()

    def _note_served(self, path: str, folder: str) -> None:
        """Poll `folder` as long as `path` is on a served file system."""
        if not self._polls_served or (is_served := self._disk.is_served(path)) == (folder in self._served):
            return
        if is_served:
            self._served[folder] = None
        else:
            del self._served[folder]
        self._poll_soon()

    def _polled(self) -> bool:
        return bool(self._unwatched or self._served)

    def _poll_soon(self) -> None:
        """Update polling soon: the set of polled folders has changed."""
        if not self._poll_due:
            self._poll_due = True
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._poll)

    def _poll(self) -> None:
        """Start or stop polling as needed."""
        self._poll_due = False
        if self._kernel is None:
            return
        if self._polled() and self._polling is None:
            for problem in self.problems:
                _log.warning("%s", problem.message)
            self._polling = self._make_polling(self._outermost_polled)
            self._start(self._polling.watch(self._what))
        elif self._polling is not None and not self._polled():
            self._start(self._polling.stop())
            self._polling = None
        self._emit(Hints(at=time.monotonic()))  # the status has changed

    # -- ancestors and single folders, on the disk thread ---------------------------------------------

    def _renew(self) -> set[str]:
        """Watch the ancestors and single folders of the watch set; return the paths of which these have changed."""
        kernel, what = self._kernel, self._what
        if kernel is None:
            return set()
        beside = what.folders | {os.path.dirname(path) for path in what.inside}
        changed: set[str] = set()
        for _ in range(8):  # an ancestor may appear that was just found missing
            wanted = ancestor_watches(what.trees | beside, self._disk)
            again = False
            for path, meaning in wanted.items():
                before = self._ancestors.get(path, (AncestorWatch(), None))
                watch = self._watch_one(kernel, path, meaning, before[1], content=path in beside)
                self._ancestors[path] = (meaning, watch)
                if watch is not before[1] or not meaning.names.keys() <= before[0].names.keys():
                    again = True
                    if before[1] is not None:
                        changed |= meaning.paths
            for path in self._ancestors.keys() - wanted.keys():
                _, old = self._ancestors.pop(path)
                self._can_watch(path)
                again = True
                if old is not None:
                    kernel.remove(old)
            if not again:
                break
        return changed

    def _watch_one(
        self, kernel: Kernel, path: str, meaning: AncestorWatch, old: Watch | None, *, content: bool
    ) -> Watch | None:
        mask = _CONTENT if content else _NAMES if meaning.names else _OWN_FATE
        try:
            watch = self._add(kernel, path, mask, None, old)
        except OSError as error:
            if content and error.errno not in _MISSING and not isinstance(error, TimedOut):
                self._poll_instead(path, error)  # also one that can be entered but not listed: files in it are known
            return None  # an unreadable ancestor gives no events; the guard checks it
        if content:
            self._can_watch(path)
        return watch

    # -- events, on the loop ---------------------------------------------------------------------------------

    def on_events(self, events: list[InotifyEvent]) -> None:
        """See `EventListener.on_events`."""
        paths: dict[str, None] = {}
        moves: list[tuple[str, str]] = []
        unwritten = UnwrittenPaths()
        renew: set[str] = set()
        opened: list[str] = []
        for watch, name, mask, moved in events:
            path = os.path.join(watch.path, name) if name else watch.path
            unwritten.note(path, mask, moved)
            if self._files and self._is_of_file(watch, name, path, mask):
                paths[path] = None
                continue
            for cookie, came in moved:
                self._note_move(cookie, path, came, moves)
            if watch.folder is not None:
                if is_entry_relevant(watch.folder, path, name, bool(mask & ISDIR)) if name else mask & _GONE:
                    paths[path] = None
                    if mask & (CREATE | ISDIR | CLOSE_WRITE) == CREATE:
                        opened.append(path)
                continue
            meaning = self._ancestors.get(watch.path, (None, None))[0]
            if meaning is not None:
                renew |= meaning.names.get(name, _NONE) if name else meaning.paths if mask & _GONE else _NONE
            if name and self._is_relevant(path, bool(mask & ISDIR)):
                paths[path] = None
        if renew:
            paths.update(dict.fromkeys(renew))
            self._start(self._renewed())
        if paths or moves:
            metadata = unwritten.paths() - renew
            self._emit(Hints(tuple(paths), time.monotonic(), moves=tuple(moves), metadata=metadata))
        if opened:
            self._start(self._enter_opened(opened[:_OPENED]))

    def _is_of_file(self, watch: Watch, name: str, path: str, mask: int) -> bool:
        """Return whether the event belongs to a file that is watched itself.

        Drops the watch if `path` is another file now.
        """
        if name:
            if mask & _OTHER_FILE:
                self._files.drop(path)
            return False
        if self._files.get(path) is not watch:
            return False
        if mask & IGNORED or (mask & CLOSE_WRITE and path in self._opened):
            self._opened.pop(path, None)
            self._files.drop(path)
        return True

    async def _enter_opened(self, paths: list[str]) -> None:
        """Watch files that were created and not closed yet: writes to one from ``O_TMPFILE`` have no name here."""
        entered = await self._run(lambda: [path for path in paths if self.enter_file(path)])
        for path in entered:
            self._opened[path] = None
        while len(self._opened) > _OPENED:
            path = next(iter(self._opened))
            del self._opened[path]
            self._files.drop(path)
        if entered:
            self._emit(Hints(tuple(entered), time.monotonic()))

    def on_overflow(self) -> None:
        """See `EventListener.on_overflow`."""
        self._emit(Hints(at=time.monotonic(), suspect=True))
        self._start(self._renewed())

    def on_mounts(self, paths: set[str]) -> None:
        """See `EventListener.on_mounts`."""
        self._start(self._renewed())
        relevant = tuple(
            sorted(path for path in paths if self._is_relevant(path, True) or self._is_relevant(path, False))
        )
        if relevant:
            self._emit(Hints(relevant, time.monotonic()))
            self._start(self._enter_mounted(relevant))

    async def _enter_mounted(self, paths: tuple[str, ...]) -> None:
        """Watch mounted files themselves. Mounted folders are watched when they are compared."""
        entered = await self._run(
            lambda: [path for path in paths if not self._disk.is_dir(path) and self.enter_file(path)]
        )
        if entered:
            self._emit(Hints(tuple(entered), time.monotonic()))

    def _note_move(self, cookie: int, path: str, came: bool, moves: list[tuple[str, str]]) -> None:
        if not came:
            if len(self._left) > 10_000:
                self._left.clear()  # they were moved out of the watched folders
            self._left[cookie] = path
        elif (before := self._left.pop(cookie, None)) is not None:
            moves.append((before, path))
            if self._kernel is not None:
                self._kernel.moved(before)

    async def _renewed(self) -> None:
        changed = await self._run(self._renew)
        if changed:
            self._emit(Hints(tuple(sorted(changed)), time.monotonic()))

    def _on_guard(self) -> None:
        self._guard = self._loop.call_later(_GUARD_S, self._on_guard)
        self._start(self._renewed())
        if self._unwatched:  # there may be free watches again
            self._emit(Hints(tuple(self._outermost_unwatched()), time.monotonic()))

    def _outermost_unwatched(self) -> list[str]:
        return sorted(outermost(self._unwatched.copy()))

    def _outermost_polled(self) -> list[str]:
        return sorted(outermost(self._unwatched.copy() | self._served.copy()))

    def _start(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._renewing.add(task)
        task.add_done_callback(self._renewing.discard)


_NONE: frozenset[str] = frozenset()


def _failed(error: Exception) -> SourceFailed:
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        if not _has_descriptors():
            return SourceFailed("tooManyFiles", "this process has no file descriptors left: raise `ulimit -n`")
        return SourceFailed("watchLimit", "no inotify instances left: raise fs.inotify.max_user_instances")
    return SourceFailed("backendFailed", f"can't use inotify: {error}")


def _has_descriptors() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return False
    return True


def _code(error: OSError) -> ProblemCode:
    """Return why a folder can't be watched; the table of watches, if unknown."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return "permissionDenied"
    return "unreadable" if error.errno in (errno.EIO, errno.ENOTCONN, errno.ESTALE) else "watchLimit"


def _explained(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        limit = watch_limit()
        entries = "" if limit is None else f" ({limit} entries)"
        return f"the table of watched folders is full{entries}; raise fs.inotify.max_user_watches, or exclude folders"
    return str(error.strerror)


def _some(paths: list[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{paths[0]}, with {len(paths) - 1} more,"
