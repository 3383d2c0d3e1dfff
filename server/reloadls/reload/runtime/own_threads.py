"""The runtime's own threads: a program that joins all threads, or waits until there are none, must not see them."""

from __future__ import annotations

import functools
import threading

__all__ = ["hide_own_threads", "own_threads"]

_all = threading.enumerate
_PREFIX = "reloadls-"
"""How the names of the runtime's threads, and of those that they start, begin."""


def own_threads() -> set[int]:
    """Return the identifiers of the runtime's threads in this process."""
    return {each.ident for each in _all() if each.name.startswith(_PREFIX) and each.ident is not None}


def hide_own_threads() -> None:
    """Leave the runtime's threads out of `threading.enumerate` and `threading.active_count`. Idempotent."""
    if threading.enumerate is _all:
        threading.enumerate = _enumerate
        threading.active_count = _active_count


@functools.wraps(threading.enumerate)
def _enumerate() -> list[threading.Thread]:
    return [each for each in _all() if not each.name.startswith(_PREFIX)]


@functools.wraps(threading.active_count)
def _active_count() -> int:
    return len(_enumerate())
