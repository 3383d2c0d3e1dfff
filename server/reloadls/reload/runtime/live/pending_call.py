"""Has something called on the main thread, between two of its instructions. Not needed before the first change."""

from __future__ import annotations

import _thread
import contextlib
import ctypes
from collections import deque
from collections.abc import Callable
from typing import Any

__all__ = ["call_in_main_thread"]

_jobs: deque[Callable[[], None]] = deque()
_made: list[Any] = []
"""The function as the interpreter knows it: it must outlive every call."""


def call_in_main_thread(job: Callable[[], None]) -> bool:
    """Have `job()` called on the main thread as soon as that runs Python code; False if it can't be.

    While the main thread waits in a system call, nothing happens until that returns.
    """
    try:
        add = ctypes.pythonapi.Py_AddPendingCall
    except (AttributeError, OSError):  # not CPython
        return False
    if not _made:
        _made.append(ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(_call))
    _jobs.append(job)
    if add(_made[0], None) == 0:
        return True
    with contextlib.suppress(ValueError):
        _jobs.remove(job)
    return False


def _call(_argument: object) -> int:
    while _jobs:
        try:
            _jobs.popleft()()
        except IndexError:
            break
        except KeyboardInterrupt:
            _thread.interrupt_main()  # from here it can't be raised: C code has called this
    return 0
