"""Tells where a file system was mounted or unmounted: no inotify event says so.

The kernel marks its list of mounts as exceptional when it has changed (proc_pid_mountinfo(5)); nothing is done until
then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import sys
from collections.abc import Callable

from reloadls.base.paths import is_within
from reloadls.watch.disk.mounts import unescaped

__all__ = ["MountMonitor"]

_LIST = "/proc/self/mountinfo"

_log = logging.getLogger(__name__)


class MountMonitor:
    """Calls `on_change`, on the event loop, with the mount points at which something has changed.

    Where the system has no such list, nothing is ever told.
    """

    def __init__(self, on_change: Callable[[set[str]], None]) -> None:
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._list = -1
        self._poll: select.epoll | None = None
        self._known: set[tuple[str, str]] = set()
        self._points: dict[str, list[str]] | None = None
        if sys.platform == "linux":
            try:
                self._open()
            except OSError as error:
                _log.debug("mounts are not noticed: %s", error)
                self.close()

    def __del__(self) -> None:
        """Close the list if the event loop ended first; the epoll object closes itself."""
        self._close_list()

    def points_in(self, folder: str) -> list[str]:
        """The mount points directly in `folder`. Safe from any thread."""
        points = self._points
        if points is None:
            points = {}
            for _, point in self._known:
                points.setdefault(os.path.dirname(point), []).append(point)
            self._points = points
        return points.get(folder, [])

    def close(self) -> None:
        """Report nothing more."""
        if self._poll is not None:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._poll.fileno())
            self._poll.close()
            self._poll = None
        self._close_list()

    def forget(self) -> None:
        """In a forked child: let go of what is the parent's, and leave its event loop alone."""
        if self._poll is not None:
            self._poll.close()
            self._poll = None
        self._close_list()

    def _close_list(self) -> None:
        if self._list >= 0:
            os.close(self._list)
            self._list = -1

    if sys.platform == "linux":

        def _open(self) -> None:
            self._list = os.open(_LIST, os.O_RDONLY | os.O_CLOEXEC)
            # The loop waits for what can be read, which this always can: so it waits for one that waits for the rest.
            self._poll = select.epoll()
            self._poll.register(self._list, select.EPOLLPRI | select.EPOLLERR)
            self._known = self._read()
            self._loop.add_reader(self._poll.fileno(), self._on_ready)

    def moved(self, old: str) -> None:
        """What was at `old` has another path: so have the mount points in it, which no list says was changed."""
        if any(is_within(point, (old,)) for _, point in self._known):
            with contextlib.suppress(OSError):
                self._points, self._known = None, self._read()

    def look(self) -> None:
        """Report what has changed already. The loop may have taken the kernel's mark and not called `_on_ready` yet."""
        self._on_ready()

    def _on_ready(self) -> None:
        if self._poll is not None:
            self._poll.poll(0)
            with contextlib.suppress(OSError):
                self._points = None
                before, self._known = self._known, self._read()
                if changed := {path for _, path in before ^ self._known}:
                    self._on_change(changed)

    def _read(self) -> set[tuple[str, str]]:
        """(mount's number and device, mount point) of each mount."""
        data = bytearray()
        os.lseek(self._list, 0, os.SEEK_SET)
        while chunk := os.read(self._list, 65536):
            data += chunk
        found: set[tuple[str, str]] = set()
        for line in data.splitlines():
            fields = line.split(b" ")
            if len(fields) > 4:
                found.add((f"{fields[0]!r} {fields[2]!r}", os.fsdecode(unescaped(bytes(fields[4])))))
        return found
