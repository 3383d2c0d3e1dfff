"""The safe point: where and when the program is changed, so that no thread or task sees half of a change.

If the program runs an event loop, the change runs on it between two callbacks. Otherwise it runs on the main thread,
which imports the program's modules. If that thread is blocked in a system call, the change runs on the runtime's own
thread, and no other thread runs meanwhile.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Container
from typing import Final

from reloadls.base.pins import HeldBack, SessionPins, session_pins

from .loops import running_loop
from .pin import Pins, pins

__all__ = ["ProgramEnded", "SafePoint"]

_LOOK_S: Final = 0.05
"""How often to check that the loop still runs, in seconds."""
_MAIN_S: Final = 0.01
"""How long to wait for the main thread, in seconds; if it takes longer, it is blocked."""
_BUSY_S: Final = 2.0
"""A program that has not reached a safe point for so long, in seconds, is reported as busy."""
_TURN_S: Final = 0.05
"""A thread that has computed for so long, in seconds, must yield before the change begins."""
_ROUNDING_S: Final = 5e-7
"""The interpreter stores the switch interval in whole microseconds, rounded down."""
_ALONE_S: Final = 0.1
"""How long the change runs without a thread switch, in seconds, unless the changed code itself blocks."""


class ProgramEnded(Exception):
    """The program is ending: nothing is changed any more."""


class SafePoint:
    """Runs the step that changes the program. Call `commit` on a thread of the runtime.

    Args:
        pinned: the pins that can hold it back.
        pinned_sessions: the sessions that can.
    """

    def __init__(self, pinned: Pins = pins, pinned_sessions: SessionPins = session_pins) -> None:
        self.held = 0
        """The largest number of pins that held the last commit back."""
        self._ours: Container[int] = ()
        self._on_busy: Callable[[float | None], None] = lambda _: None
        self._on_wait: Callable[[tuple[str, ...]], None] = lambda _: None
        self._pins = pinned
        self._session_pins = pinned_sessions
        self._ended = threading.Event()

    def configure(
        self,
        ours: Container[int],
        on_busy: Callable[[float | None], None],
        on_wait: Callable[[tuple[str, ...]], None] = lambda _: None,
    ) -> None:
        """Set the runtime's own threads and the callbacks for a commit that waits.

        Args:
            ours: the runtime's own threads, which are not the program's.
            on_busy: receives how long the program has not reached a safe point, in seconds; None when it has.
            on_wait: receives the ids of the pinned sessions that the commit waits for; none when it no longer does.
        """
        self._ours = ours
        self._on_busy = on_busy
        self._on_wait = on_wait

    def end(self) -> None:
        """Stop: a waiting `commit` raises `ProgramEnded`."""
        self._ended.set()

    def commit(self, step: Callable[[], None]) -> None:
        """Run `step` exactly once, and raise what it raises.

        Args:
            step: changes the program. Where it raises `HeldBack`, it has changed nothing, and is run again once those
                sessions are released.

        Raises:
            ProgramEnded: the program is ending; the step was not run.
        """
        self.held = 0
        while True:
            self._wait_for_pins()
            job = _Job(step, self._pins, sys.getswitchinterval() + _ROUNDING_S)
            # A waiting thread requests a switch after the interval that was set when it began to wait. So the interval
            # must be long before the step begins: the thread that is interrupted for the step waits from then on.
            sys.setswitchinterval(max(job.turn, _TURN_S))
            try:
                self._run(job)
            finally:
                sys.setswitchinterval(job.turn)
            if isinstance(job.error, HeldBack):
                self._wait_for_sessions(job.error)
            elif not job.released and not job.pinned:
                break
        if job.error is not None:
            raise job.error

    def _wait_for_pins(self) -> None:
        while not self._pins.wait(_LOOK_S):
            self.held = max(self.held, self._pins.count)
            self._check()

    def _wait_for_sessions(self, held: HeldBack) -> None:
        self.held = max(self.held, len(held.sessions))
        self._session_pins.announce_wait(held.sessions)
        self._on_wait(tuple(each.id for each in held.sessions))
        try:
            while not self._session_pins.wait(held.sessions, _LOOK_S):
                self._check()
        finally:
            self._on_wait(())

    def _check(self) -> None:
        if self._ended.is_set():
            raise ProgramEnded("the program is ending")

    def _run(self, job: _Job) -> None:
        """Run the job, or return without running it because its loop ended or a pin came first."""
        loop = running_loop(self._ours)
        if loop is None:
            self._run_without_loop(job)
            return
        try:
            loop.call_soon_threadsafe(job.run)
        except RuntimeError:  # the loop was closed just now
            job.released = True
            return
        since = time.monotonic()
        reported = False
        while not job.done.wait(_LOOK_S) and not job.claimed:
            busy = time.monotonic() - since
            if busy > 2 * _TURN_S:
                sys.setswitchinterval(job.turn)  # do not slow down the code that keeps the loop busy
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
    """One step, offered to several threads; the first to claim it runs it."""

    def __init__(self, step: Callable[[], None], pinned: Pins, turn: float) -> None:
        self.turn = turn
        """The program's own switch interval, in seconds."""
        self.done = threading.Event()
        self.error: BaseException | None = None
        self.pinned = False
        """Not run, because of a pin."""
        self.claimed = False
        self.released = False
        """Not run, because its loop ended."""
        self._step = step
        self._pins = pinned
        self._lock = threading.Lock()

    def claim(self) -> bool:
        """Return whether the caller must run it now."""
        with self._lock:
            if self.claimed:
                return False
            self.claimed = True
            return True

    def run(self) -> None:
        """Run it unless another thread has; a Ctrl-C during the step is raised in the program."""
        if self.run_quietly() and isinstance(self.error, KeyboardInterrupt):
            raise KeyboardInterrupt

    def run_quietly(self) -> bool:
        """Run it unless another thread has, without raising; return whether this call ran it."""
        if not self.claim():
            return False
        try:
            with self._pins.lock:
                self.pinned = self._pins.count > 0
                if not self.pinned:
                    sys.setswitchinterval(max(self.turn, _ALONE_S))
                    self._step()
        except BaseException as error:  # `commit` raises it
            self.error = error
        sys.setswitchinterval(self.turn)
        self.done.set()
        return True


def _wait_for_end(job: _Job) -> None:
    """Wait for the job's end; if it takes long, it blocks on something, so restore the program's switch interval.

    It does not poll: each poll would run this thread before the one that runs the step, which might never get its turn
    back from a thread that computes.
    """
    if not job.done.wait(_ALONE_S):
        sys.setswitchinterval(job.turn)
        job.done.wait()
