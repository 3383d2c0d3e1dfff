"""When the runtime may begin without keeping the program from starting: what it imports would take turns with that."""

from __future__ import annotations

import threading
import time
from typing import Final

__all__ = ["wait_for_a_quiet_moment"]

_LATEST_S: Final = 1.5
"""A program that computes all the time has to share after so long."""
_STEP_S: Final = 0.04
_QUIET: Final = 0.3
"""A program that computes for less than this part of the time is not busy starting any more."""


def wait_for_a_quiet_moment(ended: threading.Event) -> bool:
    """Wait until the program is less busy, for 1.5 s at most; False if it has `ended` meanwhile."""
    deadline = time.monotonic() + _LATEST_S
    used = time.process_time()
    while time.monotonic() < deadline:
        if ended.wait(_STEP_S):
            return False
        before, used = used, time.process_time()
        if used - before < _QUIET * _STEP_S:
            return True
    return not ended.is_set()
