"""One run of the program, as seen by its supervisor."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, field

from .channel import Channel
from .handover import Key

__all__ = ["Process", "describe_status", "end_like"]


@dataclass(eq=False)
class Process:
    """A child process and its state. Times are those of `time.monotonic`, in seconds."""

    pid: int
    channel: Channel
    handed: frozenset[Key] = frozenset()
    """The sockets it received from the previous program."""
    changed: list[list[str]] = field(default_factory=list)
    """The modules that caused the restart: name and path."""
    begun: float = field(default_factory=time.monotonic)
    begun_at: float = field(default_factory=time.time)
    """The start time, in seconds since the epoch."""
    listens: set[Key] = field(default_factory=set)
    taken_at: float | None = None
    """When it first listened on a socket that it received."""
    ready: bool = False
    """Whether its runtime works."""
    up: bool = False
    """Whether it serves."""
    connected: bool = True
    import_failed: bool = False
    """Whether it ended because an import of its modules failed."""
    terminate_at: float | None = None
    kill_at: float | None = None
    status: int | None = None
    """The exit status, as from `os.waitpid`."""

    def signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.status is None:
            os.kill(self.pid, number)

    def is_in_our_group(self) -> bool:
        """Return whether it is in this process's group, and so receives the group's signals."""
        try:
            return os.getpgid(self.pid) == os.getpgrp()
        except ProcessLookupError:
            return False

    def reap(self) -> bool:
        """Return whether it has ended."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status is not None

    def end_when_due(self, now: float) -> None:
        """Send SIGTERM and SIGKILL when they are due."""
        if self.terminate_at is not None and now >= self.terminate_at:
            self.terminate_at = None
            self.signal(signal.SIGTERM)
        if self.kill_at is not None and now >= self.kill_at:
            self.kill_at = None
            self.signal(signal.SIGKILL)

    @property
    def next_time(self) -> float | None:
        """When `end_when_due` must be called next."""
        times = [each for each in (self.terminate_at, self.kill_at) if each is not None]
        return min(times, default=None)


def describe_status(status: int) -> str:
    """Return how a process ended, as text."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            return f"signal {number} ({signal.Signals(number).name})"
        except ValueError:
            return f"signal {number}"
    return f"exit status {os.WEXITSTATUS(status)}"


def end_like(status: int) -> int:
    """Return the exit code for a status; if a signal ended the process, end this one by the same signal."""
    if not os.WIFSIGNALED(status):
        return os.WEXITSTATUS(status)
    number = os.WTERMSIG(status)
    try:
        import resource  # noqa: PLC0415 - not on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the program has written its own core file
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    except (OSError, ValueError):
        return 128 + number
    os.kill(os.getpid(), number)
    return 128 + number
