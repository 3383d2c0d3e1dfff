"""End a child process when its parent ends, however that happens."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Final

__all__ = ["die_with_parent", "signal_at_parent_death"]

_SET_PDEATHSIG: Final = 1


def signal_at_parent_death(number: int = signal.SIGTERM) -> Callable[[], Any] | None:
    """Return a ``preexec_fn``, run between fork and exec, that has the child signalled when this process ends.

    Everything is looked up before the fork, since a lookup after it might hang.

    Args:
        number: the signal.

    Returns:
        The function; None if the system does not support it (all but Linux).
    """
    if sys.platform != "linux":
        return None
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return None
    parent, getppid, leave, wanted = os.getpid(), os.getppid, os._exit, int(number)

    def set_signal() -> None:
        prctl(_SET_PDEATHSIG, wanted, 0, 0, 0)
        if getppid() != parent:  # this process ended before it was set
            leave(1)

    return set_signal


def die_with_parent(parent: int, number: int = signal.SIGTERM) -> None:
    """Have the system send this process a signal when its parent ends, even if none of its threads runs.

    Args:
        parent: the parent's pid.
        number: the signal.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):
        libc: Any = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:  # it ended before that was set
        os.kill(os.getpid(), number)
