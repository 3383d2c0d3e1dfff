"""One run of the program, as its supervisor sees it."""

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
    """A child, and how far it has come. Times are those of `time.monotonic`, in seconds."""

    pid: int
    channel: Channel
    handed: frozenset[Key] = frozenset()
    """What it was given to take over."""
    changed: list[list[str]] = field(default_factory=list)
    """The modules that made it necessary: name and path."""
    begun: float = field(default_factory=time.monotonic)
    begun_at: float = field(default_factory=time.time)
    """The same, since the epoch."""
    listens: set[Key] = field(default_factory=set)
    taken_at: float | None = None
    """When it first listened on something that was handed over."""
    ready: bool = False
    """Whether its runtime works."""
    up: bool = False
    """Whether it does the program's work."""
    connected: bool = True
    import_failed: bool = False
    """Whether it ended by what an import of its modules raised."""
    terminate_at: float | None = None
    kill_at: float | None = None
    status: int | None = None
    """How it ended, as `os.waitpid` has it."""

    def signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.status is None:
            os.kill(self.pid, number)

    def is_in_our_group(self) -> bool:
        """Whether what is sent to this process's group is sent to that one, too."""
        try:
            return os.getpgid(self.pid) == os.getpgrp()
        except ProcessLookupError:
            return False

    def reap(self) -> bool:
        """Whether it has ended."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status is not None

    def end_when_due(self, now: float) -> None:
        """Send it SIGTERM and SIGKILL when their times have come."""
        if self.terminate_at is not None and now >= self.terminate_at:
            self.terminate_at = None
            self.signal(signal.SIGTERM)
        if self.kill_at is not None and now >= self.kill_at:
            self.kill_at = None
            self.signal(signal.SIGKILL)

    @property
    def next_time(self) -> float | None:
        """When `end_when_due` has something to do."""
        times = [each for each in (self.terminate_at, self.kill_at) if each is not None]
        return min(times, default=None)


def describe_status(status: int) -> str:
    """How a process ended, for a person."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            return f"signal {number} ({signal.Signals(number).name})"
        except ValueError:
            return f"signal {number}"
    return f"exit status {os.WEXITSTATUS(status)}"


def end_like(status: int) -> int:
    """The exit code of a process that ended so; one that was ended by a signal ends this process by the same."""
    if not os.WIFSIGNALED(status):
        return os.WEXITSTATUS(status)
    number = os.WTERMSIG(status)
    try:
        import resource  # noqa: PLC0415 - only here

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the program has left its own
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    except (OSError, ValueError):
        return 128 + number
    os.kill(os.getpid(), number)
    return 128 + number
