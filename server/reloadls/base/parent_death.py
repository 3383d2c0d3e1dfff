"""A child process that does not outlive the one that started it, however that one ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Final

__all__ = ["signal_at_parent_death"]

_SET_PDEATHSIG: Final = 1


def signal_at_parent_death(number: int = signal.SIGTERM) -> Callable[[], Any] | None:
    """What a child does between fork and exec (``preexec_fn``) so that our end sends it a signal.

    Everything is looked up here: after a fork a lookup might hang.

    Args:
        number: the signal.

    Returns:
        The call; None where the system has no such thing (all but Linux).
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
        if getppid() != parent:  # we died before it was set
            leave(1)

    return set_signal
