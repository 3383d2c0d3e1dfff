"""End this process when its parent ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from typing import Any, Final

__all__ = ["die_with_parent"]

_PR_SET_PDEATHSIG: Final = 1


def die_with_parent(parent: int) -> None:
    """Have the system end this process with its parent, even if none of its threads runs.

    Args:
        parent: the parent's pid.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):
        libc: Any = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:  # it ended just now
        os.kill(os.getpid(), signal.SIGTERM)
