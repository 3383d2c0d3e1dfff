"""Disk calls that end in bounded time: each file system that may hang has its own thread.

A call on such a file system runs on its thread and is awaited for a short time only. A call that does not end in time
is abandoned. Until it has ended, every further call on that file system fails at once. So a hung file system costs its
pipeline one short wait, and everything else continues. All other file systems are called directly.
"""

from __future__ import annotations

import errno
import os
import queue
import stat
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

from reloadls.base.paths import ancestors
from reloadls.watch.disk.mounts import Mount, MountTable

__all__ = ["DirEntry", "GuardedDisk", "TimedOut"]

_PATIENCE_S = 1.0
"""How long, in seconds, a call may take at first without progress."""
_MOST_PATIENCE_S = 4.0
"""The same after several slow calls: a file system may be slow rather than hung."""
_MAX_HOPS = 40
"""The limit of the Linux kernel; a longer chain of links is a loop (path_resolution(7))."""

T = TypeVar("T")
_table = MountTable()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_table.renew)


class TimedOut(OSError):
    """A file system does not answer; `filename` is its mount point, or the first watched path on it."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.ETIMEDOUT, "its file system does not answer", path)


class GuardedDisk:
    """The disk, as one thread uses it.

    Args:
        on_return: called, on any thread, when a file system that had timed out answers again.
    """

    def __init__(self, on_return: Callable[[], object] = lambda: None) -> None:
        self._on_return = on_return
        self._mounts: frozenset[Mount] = frozenset()
        self._guards: dict[str, _Guard] = {}
        """Mount point → its guard."""
        self._points: list[tuple[str, _Guard]] = []
        """Prefix of every path below a mount point, with its guard, the innermost first."""
        self._real: dict[str, str] = {}
        """Root → its real path, for roots reached through links."""
        _table.open()
        self.close = weakref.finalize(self, _close, self._guards, os.getpid())
        """End all threads without waiting for them."""

    def refresh(self) -> bool:
        """Update the list of mounts; return whether it changed. If so, call `enter_root` for all roots."""
        mounts = _table.mounts()
        if mounts is self._mounts:
            return False
        before, self._mounts = {guard.mount: guard for guard in self._guards.values()}, mounts
        self._guards.clear()
        for mount in mounts:
            self._guards[mount.point] = before.pop(mount) if mount in before else _Guard(mount, self._returned)
        for guard in before.values():
            guard.end()
        by_length = sorted(self._guards, key=len, reverse=True)
        self._points = [(os.path.join(point, ""), self._guards[point]) for point in by_length]
        return True

    # -- calls -------------------------------------------------------------------------------------------

    def call(self, path: str, call: Callable[..., T], *args: Any, undo: Callable[[T], object] | None = None) -> T:
        """Run ``call(*args)``, on the file system's thread if it may hang.

        Args:
            path: the path that it accesses. Must not be a link, except a root.
            call: what to run.
            args: its arguments.
            undo: called with the result if that comes too late.

        Raises:
            TimedOut: the file system does not answer.
        """
        return self._call(self._really(path), path, call, *args, undo=undo) if self._guards else call(*args)

    def lstat(self, path: str) -> os.stat_result:
        """See `os.lstat`."""
        return self._unfollowed(path, os.lstat)

    def readlink(self, path: str) -> str:
        """See `os.readlink`."""
        return self._unfollowed(path, os.readlink)

    def stat(self, path: str) -> os.stat_result:
        """See `os.stat`. Links are followed, each on its file system's thread."""
        return self.follow(path, os.stat)

    def follow(self, path: str, call: Callable[[str], T], undo: Callable[[T], object] | None = None) -> T:
        """Run ``call(path)``, which follows links, on the thread of the file system that they lead to.

        Args:
            path: the path that it accesses.
            call: what to run.
            undo: called with the result if that comes too late.

        Raises:
            TimedOut: the file system does not answer.
        """
        if not self._guards:
            return call(path)
        return self._call(self.resolve(path), path, call, path, undo=undo, top=path)

    def lexists(self, path: str) -> bool:
        """See `os.path.lexists`. False also for a file system that does not answer."""
        if not self._guards:
            return os.path.lexists(path)
        folder, name = os.path.split(path)
        try:
            self._call(os.path.join(self.resolve(folder), name), path, os.lstat, path)
        except (OSError, ValueError):
            return False
        return True

    def is_dir(self, path: str) -> bool:
        """See `os.path.isdir`. False also for a file system that does not answer."""
        try:
            return stat.S_ISDIR(self.stat(path).st_mode)
        except (OSError, ValueError):
            return False

    def list(self, path: str) -> Sequence[DirEntry]:
        """Return the entries of a folder.

        Raises:
            OSError: it can't be listed.
        """
        if not self._guards:
            return _listed(path)
        guard = self._guard(self._really(path))
        if guard is not None:
            return self.call(path, _Listed.all, path, guard)
        entries = _listed(path)
        below = os.path.join(path, "")
        if any(prefix.startswith(below) for prefix, _ in self._points):
            return [self._entry(entry) for entry in entries]
        return entries

    def resolve(self, path: str) -> str:
        """Return `path` with links resolved, like `os.path.realpath`; missing parts are left as they are.

        Raises:
            TimedOut: a file system on the way does not answer.
        """
        if not self._guards:
            return os.path.realpath(path)
        try:
            return self._resolve(path)
        except TimedOut:
            raise TimedOut(path) from None

    def is_served(self, path: str) -> bool:
        """Return whether `path`, with links resolved, is on a file system that a program or another machine serves.

        The kernel does not report writes that are made on the other side.
        """
        return bool(self._guards) and self._guard(self._really(path)) is not None

    def enter_root(self, root: str) -> None:
        """Resolve `root`, so that calls for paths below it find their file system.

        Raises:
            TimedOut: a file system on the way does not answer.
        """
        if self._guards:
            real = self.resolve(root)
            if real != root:
                self._real[root] = real
            else:
                self._real.pop(root, None)

    # -- guards -------------------------------------------------------------------------------------

    def _call(
        self,
        real: str,
        path: str,
        call: Callable[..., T],
        *args: Any,
        undo: Callable[[T], object] | None = None,
        top: str | None = None,
    ) -> T:
        """Run ``call(*args)`` on the thread for `real`, which the caller knows as `path`."""
        guard = self._guard(real)
        if guard is None:
            return call(*args)
        try:
            return guard.call(call, args, undo)
        except _CallAbandoned:
            raise TimedOut(top or self._top(guard.mount.point, path)) from None

    def _unfollowed(self, path: str, call: Callable[[str], T]) -> T:
        if not self._guards:
            return call(path)
        folder, name = os.path.split(path)
        return self._call(os.path.join(self._really(folder), name), path, call, path)

    def _guard(self, real: str) -> _Guard | None:
        """Return the guard of the innermost file system on the way to `real`."""
        real += os.sep
        return next((guard for prefix, guard in self._points if real.startswith(prefix)), None)

    def _really(self, path: str) -> str:
        """Return `path` with its root resolved."""
        if not self._real:
            return path
        root = self._root(path)
        return path if root is None else self._real[root] + path[len(root) :]

    def _root(self, path: str) -> str | None:
        """Return the innermost resolved root that contains `path`."""
        if not self._real:
            return None
        return next((root for root in (path, *ancestors(path)) if root in self._real), None)

    def _top(self, point: str, path: str) -> str:
        """Return where the file system mounted at `point` begins on the way to `path`."""
        root = self._root(path)
        if root is None:
            return point
        return root + point[len(self._real[root]) :] if point.startswith(self._real[root]) else root

    def _entry(self, entry: os.DirEntry[str]) -> os.DirEntry[str] | _MountPoint:
        """Return `entry`, wrapped if a file system is mounted on it."""
        guard = self._guards.get(entry.path)
        return entry if guard is None else _MountPoint(entry, self)

    def _resolve(self, path: str) -> str:
        resolved, names, hops = os.sep, deque(path.split(os.sep)), 0
        while names:
            name = names.popleft()
            if name == os.pardir:
                resolved = os.path.dirname(resolved)
            elif name and name != os.curdir:
                step = os.path.join(resolved, name)
                try:
                    target = self._call(step, step, os.readlink, step)
                except TimedOut:
                    raise
                except (OSError, ValueError):  # not a link, or missing
                    resolved = step
                    continue
                hops += 1
                if hops > _MAX_HOPS:
                    return path
                resolved = os.sep if os.path.isabs(target) else resolved
                names.extendleft(reversed(target.split(os.sep)))
        return resolved

    def _returned(self) -> None:
        self._on_return()


def _close(guards: dict[str, _Guard], process: int) -> None:
    if process != os.getpid():  # a child has neither the threads nor the use of the list
        return
    for guard in guards.values():
        guard.end()
    _table.close()


def _listed(path: str) -> list[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        return list(entries)


class _Listed:
    """An entry that was read when its folder was listed, so later calls don't access its file system."""

    __slots__ = ("_is_dir", "_is_symlink", "_status", "name", "path")

    def __init__(self, entry: os.DirEntry[str]) -> None:
        self.name, self.path = entry.name, entry.path
        self._is_dir, self._is_symlink = entry.is_dir(follow_symlinks=False), entry.is_symlink()
        self._status: os.stat_result | OSError | None = None
        try:
            self._status = None if self._is_dir else entry.stat(follow_symlinks=False)
        except OSError as error:
            self._status = error

    @classmethod
    def all(cls, path: str, guard: _Guard) -> list[_Listed]:
        """Return the entries of a folder, on the guard's thread."""
        entries = []
        for entry in _listed(path):
            entries.append(cls(entry))
            guard.progress += 1
        return entries

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return self._is_dir

    def is_symlink(self) -> bool:
        return self._is_symlink

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        if isinstance(self._status, OSError):
            raise self._status.with_traceback(None)
        return self._status or os.lstat(self.path)


class _MountPoint:
    """An entry on which a file system that may hang is mounted."""

    __slots__ = ("_disk", "_entry", "name", "path")

    def __init__(self, entry: os.DirEntry[str], disk: GuardedDisk) -> None:
        self.name, self.path = entry.name, entry.path
        self._entry, self._disk = entry, disk

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return self._entry.is_dir(follow_symlinks=False)  # no need to ask the mounted file system

    def is_symlink(self) -> bool:
        return False

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        return self._disk.lstat(self.path)


DirEntry: TypeAlias = os.DirEntry[str] | _Listed | _MountPoint
"""An entry of a folder's listing."""


class _CallAbandoned(Exception):
    """A call was abandoned because it did not end in time."""


class _Call:
    """One call and its state."""

    __slots__ = ("call", "error", "late", "over", "result", "undo")

    def __init__(self, call: Callable[[], Any], undo: Callable[[Any], object] | None) -> None:
        self.call, self.undo = call, undo
        self.over = threading.Event()
        self.late = False
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self.call()
        except BaseException as error:  # any exception is the caller's
            self.error = error


class _Guard:
    """Calls one file system on a thread that is abandoned while it hangs.

    Attributes:
        mount: the file system.
        progress: a long call increases it to show progress.
    """

    def __init__(self, mount: Mount, on_return: Callable[[], None]) -> None:
        self.mount = mount
        self.progress = 0
        self._on_return = weakref.WeakMethod(on_return)
        self._patience = _PATIENCE_S
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._turn = threading.Lock()
        self._stuck: _Call | None = None

    def call(self, call: Callable[..., T], args: Sequence[Any], undo: Callable[[T], object] | None) -> T:
        """See `GuardedDisk.call`.

        Raises:
            _CallAbandoned: this call, or an earlier one, does not end.
        """
        if self._stuck is not None:
            raise _CallAbandoned
        one = _Call(lambda: call(*args), undo)
        self._start()
        self._calls.put(one)
        seen = self.progress
        while not one.over.wait(self._patience):
            if seen != (seen := self.progress):
                continue
            with self._turn:
                if not one.over.is_set():
                    one.late, self._stuck = True, one
                    self._patience = min(2 * self._patience, _MOST_PATIENCE_S)
                    raise _CallAbandoned
        if one.error is not None:
            raise one.error
        return one.result  # type: ignore[no-any-return]

    def end(self) -> None:
        """End the thread once it is idle."""
        self._calls.put(None)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=_serve, args=(self._calls, self._after), name="reloadls-guarded-disk", daemon=True
            )
            self._thread.start()

    def _after(self, one: _Call) -> None:
        """Called on the thread after each call."""
        with self._turn:
            one.over.set()
            if not one.late:
                return
        if one.undo is not None and one.error is None:
            one.undo(one.result)
        self._stuck = None
        on_return = self._on_return()
        if on_return is not None:
            on_return()


def _serve(calls: queue.SimpleQueue[_Call | None], after: Callable[[_Call], None]) -> None:
    while (one := calls.get()) is not None:
        one.run()
        after(one)
        del one
