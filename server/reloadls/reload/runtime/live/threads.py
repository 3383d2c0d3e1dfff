"""Suppress Python's warning about forking with threads, when the threads are the runtime's."""

from __future__ import annotations

import threading
import warnings

__all__ = ["silence_fork_warnings"]

_ABOUT = r"This process \(pid=\d+\) is multi-threaded"


def silence_fork_warnings() -> None:
    """Call before a fork. Python 3.12+ warns about threads; the runtime's own do no harm in the child."""
    others = [each for each in threading.enumerate() if not each.name.startswith("reloadls-")]
    silent = any(getattr(each[1], "pattern", each[1]) == _ABOUT for each in warnings.filters)
    if len(others) <= 1 and not silent:
        warnings.filterwarnings("ignore", _ABOUT, DeprecationWarning)
