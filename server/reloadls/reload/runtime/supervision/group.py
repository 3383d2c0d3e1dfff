"""Detect whether a signal was sent to the whole process group; the program, a member, then has it already."""

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
    """A process in the group that blocks all signals, so that /proc shows which were sent to the group.

    Nothing else sends it signals. It ends with the supervisor. Linux only; elsewhere `has` returns False.

    Args:
        numbers: the signals to detect.
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
            if not between:  # forked twice: the program must be the supervisor's only child, as process tools expect
                _start(there, back)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(there)
        os.close(back)
        os.waitpid(between, 0)
        answer = os.read(self._answer, 16)
        self._pid = int(answer) if answer.isdigit() else 0

    def has(self, number: int) -> bool:
        """Return whether a signal that has just arrived was sent to the group."""
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
        """Close the descriptors, in the program's process."""
        for descriptor in (self._ask, self._answer):
            if descriptor >= 0:
                os.close(descriptor)
        self._pid = 0


def _start(ask: int, answer: int) -> None:
    """In the intermediate process: fork the helper, and write its pid; never returns."""
    try:
        pid = os.fork()
        if pid:
            os.write(answer, b"%d" % pid)
        else:
            _stand_by(ask, answer)
    finally:
        os._exit(0)


def _stand_by(ask: int, answer: int) -> None:
    """In the helper process: consume each signal that was detected; never returns."""
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
