"""What measures time for record streams: delays, and alarms at an instant of a clock that people may set."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Final, Protocol

__all__ = ["Alarm", "Clock", "SystemClock", "Timer"]

_LOOK_S: Final = 60.0
"""Where the system reports no set clock: how often it is looked at, in seconds, while a record is to end."""
_CLOCK_REALTIME: Final = 0
_ABSTIME: Final = 1
_CANCEL_ON_SET: Final = 2
_NONBLOCK_CLOEXEC: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class Timer(Protocol):
    """A delayed call."""

    def cancel(self) -> object:
        """Do not call."""


class Alarm(Protocol):
    """Calls back at an instant."""

    def set(self, at: float | None) -> None:
        """Call back at `at`, in seconds since the epoch, and whenever the clock was set before; None: do not."""

    def close(self) -> None:
        """Release what it uses."""


class Clock(Protocol):
    """What measures time. Tests pass one that they advance themselves."""

    def time(self) -> float:
        """Seconds since the epoch; may jump."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        """Call `callback()` on the running event loop after `delay_s` seconds."""

    def alarm(self, callback: Callable[[], object]) -> Alarm:
        """Return an alarm that calls `callback()` on the running event loop. It is not set yet."""


class SystemClock:
    """The machine's clock."""

    def time(self) -> float:
        """Seconds since the epoch; may jump."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        """Call `callback()` on the running event loop after `delay_s` seconds."""
        return asyncio.get_running_loop().call_later(delay_s, callback)

    def alarm(self, callback: Callable[[], object]) -> Alarm:
        """Return an alarm of the system, if it has such: then it needs no wake-up before its instant."""
        if sys.platform == "linux":
            try:
                return _KernelAlarm(callback)
            except OSError:  # no descriptor is left
                pass
        return _LoopAlarm(callback)


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class _KernelAlarm:
    """A timer of the kernel on the clock itself. It also ends when that is set (timerfd_create(2), CANCEL_ON_SET)."""

    def __init__(self, callback: Callable[[], object]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.timerfd_create(_CLOCK_REALTIME, _NONBLOCK_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._callback = callback
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._fired)

    def set(self, at: float | None) -> None:
        """See `Alarm.set`."""
        seconds, rest = (0, 0) if at is None else divmod(max(1, int(at * 1_000_000_000) + 1), 1_000_000_000)
        spec = _Itimerspec(_Timespec(0, 0), _Timespec(seconds, rest))
        self._libc.timerfd_settime(self._fd, _ABSTIME | _CANCEL_ON_SET, ctypes.byref(spec), None)

    def close(self) -> None:
        """See `Alarm.close`."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _fired(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return
        except OSError:  # ECANCELED: the clock was set
            pass
        self._callback()


class _LoopAlarm:
    """A timer of the event loop. It looks at the clock once a minute, since nothing reports that it was set."""

    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback = callback
        self._timer: asyncio.TimerHandle | None = None

    def set(self, at: float | None) -> None:
        """See `Alarm.set`."""
        self.close()
        if at is not None:
            delay = max(0.0, min(_LOOK_S, at - time.time()))
            self._timer = asyncio.get_running_loop().call_later(delay, self._callback)

    def close(self) -> None:
        """See `Alarm.close`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
