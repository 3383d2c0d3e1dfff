"""Pins: hold back changes of the program's code until the last pin is removed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

__all__ = ["Pins", "pins"]


class Pins:
    """The pins of this process, and what waits for their removal."""

    def __init__(self) -> None:
        # A commit holds the lock, so a new pin waits for its end. Reentrant: a reloaded module may pin.
        self.lock = threading.RLock()
        self.count = 0
        self._free = threading.Event()
        self._free.set()
        self._on_free: list[Callable[[], object]] = []
        self._on_wait: list[Callable[[], object]] = []

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

    def when_awaited(self, call: Callable[[], object]) -> Callable[[], None]:
        """Have `call()` called, on any thread, whenever a change begins to wait. Returns what ends that."""
        self._on_wait.append(call)
        return lambda: self._on_wait.remove(call) if call in self._on_wait else None

    def announce_wait(self) -> None:
        """A change waits for the pins that there are: call those who asked for that."""
        for call in list(self._on_wait):
            call()

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


pins = Pins()
"""The pins of this process."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pins.renew)
