"""Whether a signal was sent to the whole process group: then the program, which is in it, has it already."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Collection
from typing import Final

__all__ = ["Group"]

_ANSWER_S: Final = 0.5


class Group:
    """A process of the group that takes no signal, so that the kernel shows which have been sent to it.

    Nobody else sends it one. It ends when the supervisor does. Only on Linux; elsewhere no signal is known to be the
    group's.

    Args:
        numbers: the signals that count.
    """

    def __init__(self, numbers: Collection[int]) -> None:
        self._numbers = frozenset(numbers)
        self._pid = 0
        self._ask = self._answer = -1

    def begin(self) -> None:
        """Start the process."""
        if not os.path.exists("/proc/self/status"):
            return
        (there, self._ask), (self._answer, back) = os.pipe(), os.pipe()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, self._numbers)
        try:
            between = os.fork()
            if not between:  # so that the program is the supervisor's only child, as whoever looks for it expects
                _start(there, back)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(there)
        os.close(back)
        os.waitpid(between, 0)
        told = os.read(self._answer, 16)
        self._pid = int(told) if told.isdigit() else 0

    def has(self, number: int) -> bool:
        """Whether a signal that has come just now was sent to the group."""
        if not self._pid or number not in self._numbers:
            return False
        try:
            with open(f"/proc/{self._pid}/status", encoding="ascii") as file:
                masks = [int(line.split()[1], 16) for line in file if line.startswith(("SigPnd", "ShdPnd"))]
        except (OSError, ValueError):
            return False
        if not any(mask >> (number - 1) & 1 for mask in masks):
            return False
        with contextlib.suppress(OSError):
            os.write(self._ask, bytes([number]))
            if select.select([self._answer], [], [], _ANSWER_S)[0]:
                os.read(self._answer, 1)
        return True

    def forget(self) -> None:
        """In the program's process."""
        for descriptor in (self._ask, self._answer):
            if descriptor >= 0:
                os.close(descriptor)
        self._pid = 0


def _start(ask: int, answer: int) -> None:
    """In a process between: start the other one, and tell its number; never returns."""
    try:
        pid = os.fork()
        if pid:
            os.write(answer, b"%d" % pid)
        else:
            _stand_by(ask, answer)
    finally:
        os._exit(0)


def _stand_by(ask: int, answer: int) -> None:
    """In that process: take no signal but those that were seen; never returns."""
    try:
        low, high = sorted((ask, answer))
        os.closerange(0, low)
        os.closerange(low + 1, high)
        os.closerange(high + 1, 1024)
        while number := os.read(ask, 1):
            signal.sigtimedwait({number[0]}, 0)
            os.write(answer, number)
    finally:
        os._exit(0)
