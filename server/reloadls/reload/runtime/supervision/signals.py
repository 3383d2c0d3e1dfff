"""The supervisor's signals: noted, to be read when it suits, and as they were in the program that it starts."""

from __future__ import annotations

import os
import signal
from typing import Any

from .group import Group

__all__ = ["Signals"]

_NAMES = (
    *("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"),
    *("SIGALRM", "SIGVTALRM", "SIGPROF", "SIGCONT", "SIGWINCH", "SIGTTIN"),
)
_BY_TERMINAL = (signal.SIGINT, signal.SIGQUIT)


class Signals:
    """Notes signals from `begin` on. `fileno` becomes readable with each."""

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._group = Group([*_passed_on()])
        self._read, self._write = os.pipe()
        for fd in (self._read, self._write):
            os.set_blocking(fd, False)

    def begin(self) -> None:
        """Note those that are not ignored."""
        for number in (*_passed_on(), signal.SIGCHLD):
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN or number == signal.SIGCHLD:
                self._before[number] = before
                signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def watch_group(self) -> None:
        """From now on it is known which were sent to the whole group."""
        self._group.begin()

    def fileno(self) -> int:
        """What becomes readable."""
        return self._read

    def take(self) -> list[int]:
        """Those that have come, SIGCHLD left out."""
        try:
            return [number for number in os.read(self._read, 4096) if number != signal.SIGCHLD]
        except BlockingIOError:
            return []

    def sent_to_group(self, number: int) -> bool:
        """Whether one that has come was sent to the program, too."""
        return self._group.has(number) or came_from_terminal(number)

    def hold(self) -> None:
        """Let none in, until `release`: a child must not take its parent's."""
        signal.pthread_sigmask(signal.SIG_BLOCK, self._before)

    def release(self) -> None:
        """Let them in again."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._before)

    def restore(self) -> None:
        """In the child: everything is as it was before."""
        signal.set_wakeup_fd(-1)
        self._group.forget()
        for number, before in self._before.items():
            signal.signal(number, before if before is not None else signal.SIG_DFL)
        os.close(self._read)
        os.close(self._write)


def _passed_on() -> list[int]:
    """The signals that are meant for the program."""
    real_time = range(signal.SIGRTMIN, signal.SIGRTMAX + 1) if hasattr(signal, "SIGRTMIN") else ()
    return [*(getattr(signal, name) for name in _NAMES), *real_time]


def came_from_terminal(number: int) -> bool:
    """Whether a signal is one that a terminal sends, and we are what runs there: then the program has it already."""
    if number not in _BY_TERMINAL:
        return False
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
