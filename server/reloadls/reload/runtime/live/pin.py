"""Keeps the program as it is for a while: nothing is made live until the last pin is taken off."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from types import TracebackType

__all__ = ["Pins", "pin_reload", "pins"]


class Pins:
    """How many pins there are in this process, and who waits for there to be none."""

    def __init__(self) -> None:
        # A commit holds it, so that a pin begun meanwhile waits for the end. A module that is reloaded may pin, too.
        self.lock = threading.RLock()
        self.count = 0
        self._free = threading.Event()
        self._free.set()
        self._on_free: list[Callable[[], object]] = []

    def add(self) -> None:
        """One more; waits for a commit that is under way."""
        with self.lock:
            self.count += 1
            self._free.clear()

    def remove(self) -> None:
        """One less; after the last, what waited is called."""
        with self.lock:
            self.count -= 1
            if self.count:
                return
            self._free.set()
            waiting = list(self._on_free)
        for call in waiting:
            call()

    def wait(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for there to be no pin; whether there is none."""
        return self._free.wait(timeout)

    def when_free(self, call: Callable[[], object]) -> None:
        """Have `call()` called, on whichever thread, each time that the last pin is taken off."""
        self._on_free.append(call)

    def forget(self, call: Callable[[], object]) -> None:
        """No longer call `call`."""
        if call in self._on_free:
            self._on_free.remove(call)

    def renew(self) -> None:
        """In a forked child: whoever held the lock, or waited, is not there. Its own pins are."""
        count = self.count
        self.__init__()  # type: ignore[misc]
        self.count = count
        if count:
            self._free.clear()


pins = Pins()
"""Those of this process."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pins.renew)


class pin_reload:  # noqa: N801 - used as a function is
    """While inside, the program's code stays as it is; what changes is made live at the end of the last pin.

    A context manager, for `with` and `async with`; any number may be open at once, on any thread or task.
    """

    def __enter__(self) -> None:
        pins.add()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pins.remove()

    async def __aenter__(self) -> None:
        pins.add()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pins.remove()
