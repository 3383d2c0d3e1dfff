"""Pins hold back changes of the program's code: until the last is removed, or for one live session alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Sequence

from .live_sessions import LiveSession

__all__ = ["HeldBack", "Pins", "SessionPins", "pins", "session_pins"]


class Pins:
    """The pins of this process, and what waits for their removal."""

    def __init__(self) -> None:
        # A commit holds the lock, so a new pin waits for its end. Reentrant: a reloaded module may pin.
        self.lock = threading.RLock()
        self.count = 0
        self._free = threading.Event()
        self._free.set()
        self._on_free: list[Callable[[], object]] = []

    def add(self) -> None:
        """Add a pin; waits for a running commit."""
        with self.lock:
            self.count += 1
            self._free.clear()

    def remove(self) -> None:
        """Remove a pin; after the last one, calls what waits."""
        with self.lock:
            self.count -= 1
            if self.count:
                return
            self._free.set()
            waiting = list(self._on_free)
        for call in waiting:
            call()

    def wait(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until there is no pin; return whether there is none."""
        return self._free.wait(timeout)

    def when_free(self, call: Callable[[], object]) -> None:
        """Register `call()` to be called, on any thread, each time the last pin is removed."""
        self._on_free.append(call)

    def forget(self, call: Callable[[], object]) -> None:
        """Unregister `call`."""
        if call in self._on_free:
            self._on_free.remove(call)

    def renew(self) -> None:
        """In a forked child: drop the lock and the waiting threads of the parent, keep the pins."""
        count = self.count
        self.__init__()  # type: ignore[misc]
        self.count = count
        if count:
            self._free.clear()


class HeldBack(Exception):
    """A change can't be applied beside these pinned sessions. Nothing was changed."""

    def __init__(self, sessions: Sequence[LiveSession]) -> None:
        super().__init__(f"waits for {', '.join(repr(each.id) for each in sessions)}")
        self.sessions = sessions


class SessionPins:
    """The pinned sessions of this process, and what waits for them.

    Args:
        lock: held while the code is changed, so that a new pin waits for the end of that.
    """

    def __init__(self, lock: threading.RLock) -> None:
        self.lock = lock
        self.since: dict[LiveSession, int] = {}
        """Each pinned session, and the version of the code that it goes on with."""
        self.version = 0
        """How often the code was changed."""
        self._changed = threading.Condition(lock)
        self._on_release: list[Callable[[int], object]] = []
        self._on_wait: list[Callable[[Collection[LiveSession]], object]] = []

    def add(self, session: LiveSession) -> None:
        """Have a session go on with the code as it is now; waits for a running commit."""
        with self.lock:
            self.since.setdefault(session, self.version)

    def remove(self, session: LiveSession) -> None:
        """Have a session use the code as it is from now on. Does nothing if it does already."""
        with self.lock:
            version = self.since.pop(session, None)
            if version is None:
                return
            self._changed.notify_all()
            for call in list(self._on_release):
                call(version)

    def wait(self, sessions: Collection[LiveSession], timeout: float | None = None) -> bool:
        """Wait until none of these sessions is pinned; returns whether that is so.

        Args:
            sessions: those that a change waits for.
            timeout: how long to wait, in seconds; None sets no limit.
        """
        with self._changed:
            return self._changed.wait_for(lambda: not any(each in self.since for each in sessions), timeout)

    def when_released(self, call: Callable[[int], object]) -> Callable[[], None]:
        """Have `call(version)` called when a session is released that went on with this version of the code.

        On any thread, with the lock held. Returns what ends that.
        """
        self._on_release.append(call)
        return lambda: self._on_release.remove(call) if call in self._on_release else None

    def when_awaited(self, call: Callable[[Collection[LiveSession]], object]) -> Callable[[], None]:
        """Have `call(sessions)` called, on any thread, when a change begins to wait. Returns what ends that."""
        self._on_wait.append(call)
        return lambda: self._on_wait.remove(call) if call in self._on_wait else None

    def announce_wait(self, sessions: Collection[LiveSession]) -> None:
        """A change waits for these sessions: call those who asked for that."""
        for call in list(self._on_wait):
            call(sessions)

    def renew(self) -> None:
        """In a forked child: no session of the parent lives here."""
        version, listeners = self.version, self._on_release
        self.__init__(pins.lock)  # type: ignore[misc]
        self.version, self._on_release = version, listeners
        for call in listeners:
            call(-1)


pins = Pins()
"""The pins of this process."""
session_pins = SessionPins(pins.lock)
"""The pinned sessions of this process."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pins.renew)
    os.register_at_fork(after_in_child=session_pins.renew)  # after the lock is a new one
