"""The supervisor's signals: recorded for its loop, and restored in the program it starts."""

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
    """Records signals from `begin` on. `fileno` becomes readable with each."""

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._group = Group([*_forwarded()])
        self._read, self._write = os.pipe()
        for fd in (self._read, self._write):
            os.set_blocking(fd, False)

    def begin(self) -> None:
        """Record the signals that are not ignored."""
        for number in (*_forwarded(), signal.SIGCHLD):
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN or number == signal.SIGCHLD:
                self._before[number] = before
                signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def watch_group(self) -> None:
        """From now on, detect which signals are sent to the whole group."""
        self._group.begin()

    def fileno(self) -> int:
        """Return the descriptor that becomes readable."""
        return self._read

    def take(self) -> list[int]:
        """Return the recorded signals, except SIGCHLD."""
        try:
            return [number for number in os.read(self._read, 4096) if number != signal.SIGCHLD]
        except BlockingIOError:
            return []

    def sent_to_group(self, number: int) -> bool:
        """Return whether the program has received the signal, too."""
        return self._group.has(number) or came_from_terminal(number)

    def hold(self) -> None:
        """Block signals until `release`, so that a new child does not handle its parent's."""
        signal.pthread_sigmask(signal.SIG_BLOCK, self._before)

    def release(self) -> None:
        """Unblock signals."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._before)

    def restore(self) -> None:
        """In the child: restore the previous handlers."""
        signal.set_wakeup_fd(-1)
        self._group.forget()
        for number, before in self._before.items():
            signal.signal(number, before if before is not None else signal.SIG_DFL)
        os.close(self._read)
        os.close(self._write)


def _forwarded() -> list[int]:
    """Return the signals to forward to the program."""
    real_time = range(signal.SIGRTMIN, signal.SIGRTMAX + 1) if hasattr(signal, "SIGRTMIN") else ()
    return [*(getattr(signal, name) for name in _NAMES), *real_time]


def came_from_terminal(number: int) -> bool:
    """Return whether the terminal sent the signal to its foreground group, which includes the program."""
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
