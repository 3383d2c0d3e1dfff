"""The live sessions of this process: what hosts them registers here, and what reloads code has them follow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Protocol

__all__ = ["CURRENT", "Counts", "LiveSession", "LiveSessions", "SessionHost", "live_sessions"]

_log = logging.getLogger(__name__)

Listener = Callable[[Any, "Counts"], object]


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of live sessions after one reload."""

    rebound: int = 0
    pinned: int = 0
    """Those that have not followed yet."""
    failed: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.rebound + other.rebound, self.pinned + other.pinned, self.failed + other.failed)


class LiveSession(Protocol):
    """One live session, as reloads see it."""

    @property
    def id(self) -> str:
        """What it is called in logs."""

    data: Any
    """What it was launched with."""

    @property
    def tasks(self) -> Collection[Any]:
        """The tasks of asyncio that run it."""

    def pin(self) -> AbstractContextManager[None]:
        """Have it go on with the code as it is now."""


CURRENT: Final[ContextVar[Any]] = ContextVar("reloadls_session", default=None)
"""The live session whose code runs; None outside of sessions."""


class SessionHost(Protocol):
    """What hosts live sessions."""

    def rebind(self, report: Any, changed: Callable[[Counts], object]) -> Counts:
        """Have sessions follow a reload. On any thread; does not wait for long.

        Args:
            report: the report of the reload.
            changed: called with the new counts whenever they change after this call has returned. On any thread.
        """


class LiveSessions:
    """The hosts of this process, and who follows what becomes of their sessions."""

    def __init__(self) -> None:
        self._hosts: list[SessionHost] = []
        self._listeners: list[Listener] = []
        self._watchers: list[Listener] = []

    def add(self, host: SessionHost) -> None:
        """Have a host's sessions follow reloads from now on."""
        self._hosts.append(host)

    def remove(self, host: SessionHost) -> None:
        """No longer."""
        if host in self._hosts:
            self._hosts.remove(host)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have `listener(report, counts)` called when counts change after `rebind`. Returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def watch(self, watcher: Listener) -> Callable[[], None]:
        """As `listen`, and also with the counts that `rebind` returns."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher) if watcher in self._watchers else None

    def rebind(self, report: Any) -> Counts:
        """Have all sessions follow a reload, as far as they can at once."""
        hosts = list(self._hosts)
        counts: dict[int, Counts] = {}

        def total() -> Counts:
            return sum(counts.values(), Counts())

        def change(index: int, found: Counts) -> None:
            counts[index] = found
            for listener in (*self._listeners, *self._watchers):
                listener(report, total())

        for index, host in enumerate(hosts):
            try:
                counts[index] = host.rebind(report, lambda found, index=index: change(index, found))  # type: ignore[misc]
            except Exception:
                _log.exception("the sessions of %r could not follow a reload", host)
        for watcher in list(self._watchers):
            watcher(report, total())
        return total()


live_sessions = LiveSessions()
"""Those of this process."""
