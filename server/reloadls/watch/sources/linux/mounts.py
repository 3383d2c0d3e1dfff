"""Reports where file systems were mounted or unmounted: no inotify event does.

The kernel marks its list of mounts as exceptional when it changes (proc_pid_mountinfo(5)); nothing runs until then.
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
    """Calls `on_change`, on the event loop, with the mount points that have changed.

    Reports nothing if the system has no such list.
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
                _log.debug("can't watch mounts: %s", error)
                self.close()

    def __del__(self) -> None:
        """Close the list if the event loop ended first; the epoll object closes itself."""
        self._close_list()

    def points_in(self, folder: str) -> list[str]:
        """Return the mount points directly in `folder`. Safe from any thread."""
        points = self._points
        if points is None:
            points = {}
            for _, point in self._known:
                points.setdefault(os.path.dirname(point), []).append(point)
            self._points = points
        return points.get(folder, [])

    def close(self) -> None:
        """Stop reporting."""
        if self._poll is not None:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._poll.fileno())
            self._poll.close()
            self._poll = None
        self._close_list()

    def forget(self) -> None:
        """In a forked child: close the parent's descriptors, and leave its event loop alone."""
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
            # The loop waits for readability, which this file always has. So it waits for an epoll object instead.
            self._poll = select.epoll()
            self._poll.register(self._list, select.EPOLLPRI | select.EPOLLERR)
            self._known = self._read()
            self._loop.add_reader(self._poll.fileno(), self._on_ready)

    def moved(self, old: str) -> None:
        """Note that `old` was renamed: mount points in it have new paths, which the kernel does not report."""
        if any(is_within(point, (old,)) for _, point in self._known):
            with contextlib.suppress(OSError):
                self._points, self._known = None, self._read()

    def look(self) -> None:
        """Report changes made before the call; the loop may have seen the mark without calling `_on_ready` yet."""
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
        """Return (mount's number and device, mount point) of each mount."""
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
