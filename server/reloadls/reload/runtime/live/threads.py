"""Our threads beside the program's: that they are there is no news to it."""

from __future__ import annotations

import threading
import warnings

__all__ = ["silence_fork_warnings"]

_ABOUT = r"This process \(pid=\d+\) is multi-threaded"


def silence_fork_warnings() -> None:
    """Before a fork: Python 3.12 and later warn if there are threads. Not if they are all ours, which harm no child."""
    others = [each for each in threading.enumerate() if not each.name.startswith("reloadls-")]
    silent = any(getattr(each[1], "pattern", each[1]) == _ABOUT for each in warnings.filters)
    if len(others) <= 1 and not silent:
        warnings.filterwarnings("ignore", _ABOUT, DeprecationWarning)
