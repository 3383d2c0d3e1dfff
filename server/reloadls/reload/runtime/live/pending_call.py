"""Run a function on the main thread, between two of its instructions. Imported on the first change."""

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
"""The C callback; it must outlive every call."""


def call_in_main_thread(job: Callable[[], None]) -> bool:
    """Schedule `job()` on the main thread for when it next runs Python code.

    While the main thread is blocked in a system call, the job waits.

    Returns:
        False if the interpreter can't do that.
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
            _thread.interrupt_main()  # C code is the caller: it can't be raised here
    return 0
