"""Where and when the program is changed: at a moment that suits it, so that none of its threads and tasks sees half.

On the event loop between two callbacks, where there is one. Else on the main thread, to which a program's modules
belong; where that is waiting in a system call, which may take for ever, here and now instead: nobody else runs.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Container
from typing import Final

from .loops import running_loop
from .pin import Pins, pins

__all__ = ["ProgramEnded", "SafePoint"]

_LOOK_S: Final = 0.05
"""How often it is looked whether the loop still runs, in seconds."""
_MAIN_S: Final = 0.01
"""How long the main thread may take to come by; longer, and it waits for something."""
_BUSY_S: Final = 2.0
"""After how long it is told that the program does not come to a safe point."""
_TURN_S: Final = 0.05
"""Whoever has computed for so long before the change has to let it begin."""
_ROUNDING_S: Final = 5e-7
"""The interpreter keeps whole microseconds, rounded down."""
_ALONE_S: Final = 0.1
"""For how long no other thread gets a turn once it has begun, unless the changed code itself waits for something."""


class ProgramEnded(Exception):
    """The program is ending: nothing is changed any more."""


class SafePoint:
    """Runs the step that changes the program. `commit` is called on a thread of the runtime's own.

    Args:
        pinned: who may hold it back.
    """

    def __init__(self, pinned: Pins = pins) -> None:
        self.held = 0
        """By how many pins the last commit was held, at most."""
        self._ours: Container[int] = ()
        self._on_busy: Callable[[float | None], None] = lambda _: None
        self._pins = pinned
        self._ended = threading.Event()

    def watch_over(self, ours: Container[int], on_busy: Callable[[float | None], None]) -> None:
        """Pass over threads that are not the program's; tell of a program that is busy.

        Args:
            ours: the runtime's own threads.
            on_busy: told how long the program has not come to a safe point, in seconds; None once it has.
        """
        self._ours = ours
        self._on_busy = on_busy

    def end(self) -> None:
        """Change nothing any more: what waits raises `Ended`."""
        self._ended.set()

    def commit(self, step: Callable[[], None]) -> None:
        """Run `step` exactly once, and raise what it raises.

        Raises:
            Ended: it was not run, and never will be.
        """
        self.held = 0
        while True:
            self._until_free()
            job = _Job(step, self._pins, sys.getswitchinterval() + _ROUNDING_S)
            # The turn that a waiting thread asks for is as long as it was when the thread began to wait. So it must be
            # long before the step begins: the thread that is interrupted for the step waits from then on.
            sys.setswitchinterval(max(job.turn, _TURN_S))
            try:
                self._run(job)
            finally:
                sys.setswitchinterval(job.turn)
            if not job.released and not job.pinned:
                break
        if job.error is not None:
            raise job.error

    def _until_free(self) -> None:
        while not self._pins.wait(_LOOK_S):
            self.held = max(self.held, self._pins.count)
            self._check()

    def _check(self) -> None:
        if self._ended.is_set():
            raise ProgramEnded("the program is ending")

    def _run(self, job: _Job) -> None:
        """Run it, or come back without having done so because the place was gone, or pinned."""
        loop = running_loop(self._ours)
        if loop is None:
            self._run_without_loop(job)
            return
        try:
            loop.call_soon_threadsafe(job.run)
        except RuntimeError:  # closed in this moment
            job.released = True
            return
        since = time.monotonic()
        reported = False
        while not job.done.wait(_LOOK_S) and not job.claimed:
            busy = time.monotonic() - since
            if busy > 2 * _TURN_S:
                sys.setswitchinterval(job.turn)  # whoever keeps the loop busy is not to be slowed down all the while
            if busy > _BUSY_S and not reported:
                reported = True
                self._on_busy(busy)
            if (self._ended.is_set() or not loop.is_running()) and job.claim():
                job.released = True
                break
        if reported:
            self._on_busy(None)
        if not job.released:
            _wait_for_end(job)
        self._check_unless(not job.released)

    def _run_without_loop(self, job: _Job) -> None:
        from .pending_call import call_in_main_thread  # noqa: PLC0415 - it imports ctypes

        if threading.main_thread().is_alive() and call_in_main_thread(job.run):
            job.done.wait(_MAIN_S)
        self._check_unless(job.claimed)
        job.run_quietly()
        _wait_for_end(job)

    def _check_unless(self, done: bool) -> None:
        if not done:
            self._check()


class _Job:
    """One step, and who has taken it: it may be offered to several threads, and one of them runs it."""

    def __init__(self, step: Callable[[], None], pinned: Pins, turn: float) -> None:
        self.turn = turn
        """How long a thread's turn is at most, in seconds, as the program has it."""
        self.done = threading.Event()
        self.error: BaseException | None = None
        self.pinned = False
        """It was not run, since a pin was there first."""
        self.claimed = False
        self.released = False
        """It was not run, since its place was gone."""
        self._step = step
        self._pins = pinned
        self._lock = threading.Lock()

    def claim(self) -> bool:
        """Whether it is the caller's to run from now on."""
        with self._lock:
            if self.claimed:
                return False
            self.claimed = True
            return True

    def run(self) -> None:
        """Run it, unless somebody else has. A Ctrl-C that came meanwhile goes on to the program."""
        if self.run_quietly() and isinstance(self.error, KeyboardInterrupt):
            raise KeyboardInterrupt

    def run_quietly(self) -> bool:
        """The same, without raising anything; whether it was this call that ran it."""
        if not self.claim():
            return False
        try:
            with self._pins.lock:
                self.pinned = self._pins.count > 0
                if not self.pinned:
                    sys.setswitchinterval(max(self.turn, _ALONE_S))
                    self._step()
        except BaseException as error:  # it belongs to whoever commits
            self.error = error
        sys.setswitchinterval(self.turn)
        self.done.set()
        return True


def _wait_for_end(job: _Job) -> None:
    """Wait for its end; once it takes long, it waits for something, and everybody gets their turns again.

    Without looking again and again: each time, this thread would be let in before the one that runs the step, which
    might never get its own turn back from one that computes.
    """
    if not job.done.wait(_ALONE_S):
        sys.setswitchinterval(job.turn)
        job.done.wait()
