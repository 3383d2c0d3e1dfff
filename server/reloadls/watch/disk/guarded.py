"""Disk calls that end in bounded time: each file system that may hang has a thread of its own.

A call on such a file system is made on its thread, and awaited for a moment only. One that does not end in time is left
behind; until it has ended, every further call on that file system fails at once. So one hung file system costs its
pipeline one short wait, and everything else goes on. All other file systems are called directly.
"""

from __future__ import annotations

import errno
import os
import queue
import stat
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

from reloadls.watch.disk.mounts import Mount, MountTable

__all__ = ["DirEntry", "GuardedDisk", "TimedOut"]

_PATIENCE_S = 1.0
"""How long, in seconds, a call may take at first without getting on."""
_MOST_PATIENCE_S = 4.0
"""The same after several have taken longer: a file system may be slow rather than hung."""
_MAX_HOPS = 40
"""As the Linux kernel has it; a longer chain of links is a loop (path_resolution(7))."""

T = TypeVar("T")
_table = MountTable()


class TimedOut(OSError):
    """A file system does not answer; `filename` is where it begins, as far as that is watched."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.ETIMEDOUT, "its file system does not answer", path)


class GuardedDisk:
    """The disk as one thread uses it.

    Args:
        on_return: called, on any thread, when a file system that had timed out answers again.
    """

    def __init__(self, on_return: Callable[[], object] = lambda: None) -> None:
        self._on_return = on_return
        self._mounts: frozenset[Mount] = frozenset()
        self._guards: dict[str, _Guard] = {}
        """Mount point → its guard."""
        self._points: list[tuple[str, _Guard]] = []
        """The prefix of every path below a mount point, and its guard, the innermost first."""
        self._real: dict[str, str] = {}
        """Root → where it is, links followed; those that are elsewhere."""
        _table.open()
        self.close = weakref.finalize(self, _close, self._guards)
        """End all threads, without waiting for them."""

    def refresh(self) -> bool:
        """Take account of what was mounted and unmounted; returns whether anything was. `enter_root` all roots then."""
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
        """Run ``call(*args)``.

        Args:
            path: what it looks at. No link, but a root.
            call: what to run; on another thread, perhaps.
            args: its arguments.
            undo: called with what it gave if that came too late.

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
        """See `os.stat`: links are followed, each on its file system's thread."""
        return self.follow(path, os.stat)

    def follow(self, path: str, call: Callable[[str], T], undo: Callable[[T], object] | None = None) -> T:
        """Run ``call(path)``, which follows links: on the thread of the file system that they lead to.

        Args:
            path: what it looks at.
            call: what to run.
            undo: called with what it gave if that came too late.

        Raises:
            TimedOut: the file system does not answer.
        """
        if not self._guards:
            return call(path)
        return self._call(self.resolve(path), path, call, path, undo=undo, top=path)

    def lexists(self, path: str) -> bool:
        """See `os.path.lexists`. False for what does not answer, too."""
        if not self._guards:
            return os.path.lexists(path)
        folder, name = os.path.split(path)
        try:
            self._call(os.path.join(self.resolve(folder), name), path, os.lstat, path)
        except (OSError, ValueError):
            return False
        return True

    def is_dir(self, path: str) -> bool:
        """See `os.path.isdir`. False for what does not answer, too."""
        try:
            return stat.S_ISDIR(self.stat(path).st_mode)
        except (OSError, ValueError):
            return False

    def list(self, path: str) -> Sequence[DirEntry]:
        """The entries of a folder.

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
        """`path` without links, as `os.path.realpath` gives it; what does not exist is left as it is.

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
        """Whether `path`, at its real place, lies on a file system that a program or another machine serves.

        Its kernel does not report what is written on the other side.
        """
        return bool(self._guards) and self._guard(self._really(path)) is not None

    def enter_root(self, root: str) -> None:
        """Find out where `root` is, links followed, so that calls for what is below it find their file system.

        Raises:
            TimedOut: a file system on the way does not answer.
        """
        if self._guards:
            real = self.resolve(root)
            if real != root:
                self._real[root] = real
            else:
                self._real.pop(root, None)

    # -- which guard -------------------------------------------------------------------------------------

    def _call(
        self,
        real: str,
        path: str,
        call: Callable[..., T],
        *args: Any,
        undo: Callable[[T], object] | None = None,
        top: str | None = None,
    ) -> T:
        """Run ``call(*args)`` on the thread for `real`, which was given as `path`."""
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
        """That of the innermost file system on the way to `real`."""
        real += os.sep
        return next((guard for prefix, guard in self._points if real.startswith(prefix)), None)

    def _really(self, path: str) -> str:
        """`path` by its root's real place."""
        if not self._real:
            return path
        root = self._root(path)
        return path if root is None else self._real[root] + path[len(root) :]

    def _root(self, path: str) -> str | None:
        """The innermost root that holds `path`, of those that are elsewhere."""
        return next((above for above in _upwards(path) if above in self._real), None) if self._real else None

    def _top(self, point: str, path: str) -> str:
        """Where the file system that is mounted at `point` begins on the way to `path`."""
        root = self._root(path)
        if root is None:
            return point
        return root + point[len(self._real[root]) :] if point.startswith(self._real[root]) else root

    def _entry(self, entry: os.DirEntry[str]) -> os.DirEntry[str] | _MountPoint:
        """`entry` of a folder that can be listed; a file system may be mounted on it."""
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
                except (OSError, ValueError):  # not a link, or nothing
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


def _close(guards: dict[str, _Guard]) -> None:
    for guard in guards.values():
        guard.end()
    _table.close()


def _upwards(path: str) -> Iterator[str]:
    yield path
    while (parent := os.path.dirname(path)) != path:
        path = parent
        yield path


def _listed(path: str) -> list[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        return list(entries)


class _Listed:
    """An entry that was looked at when its folder was listed, so that nothing is asked of its file system later."""

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
        """Those of a folder, on the guard's thread."""
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
        return self._entry.is_dir(follow_symlinks=False)  # the file system below says which; it need not be asked

    def is_symlink(self) -> bool:
        return False

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        return self._disk.lstat(self.path)


DirEntry: TypeAlias = os.DirEntry[str] | _Listed | _MountPoint
"""What a folder's listing gives."""


class _CallAbandoned(Exception):
    """A call was left behind."""


class _Call:
    """One call, and what has become of it."""

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
        except BaseException as error:  # whatever it is, it belongs to the caller
            self.error = error


class _Guard:
    """Calls one file system on a thread that is left behind while it hangs.

    Attributes:
        mount: the file system.
        progress: what a long call increases to show that it is getting on.
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
            _CallAbandoned: it, or an earlier one, does not end.
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
        """End the thread once it is free."""
        self._calls.put(None)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=_serve, args=(self._calls, self._after), name="reloadls-guarded-disk", daemon=True
            )
            self._thread.start()

    def _after(self, one: _Call) -> None:
        """The thread has run a call."""
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
