"""Protect imports of the runtime's threads from forks.

If a thread is importing a module at a fork, the child keeps a half-loaded module whose lock is never released: an
import of it hangs, or returns the half.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Collection, Iterator
from typing import Any, Final

from reloadls.reload.runtime.own_threads import own_threads

__all__ = ["forget_imports", "wait_for_imports"]

_BOOTSTRAP: Any = sys.modules["_frozen_importlib"]
_STEP_S: Final = 0.001
_LOOKS: Final = 200
"""A thread that waits for a lock on so many consecutive checks is deadlocked with this one."""
_ALONE_S: Final = 5.0
"""A switch interval longer than any fork, in seconds."""


def wait_for_imports(seconds: float) -> None:
    """Wait until none of the runtime's threads is importing, for at most `seconds`.

    A thread that waits for this thread's own import is ignored. No other thread runs from the last check until the
    fork; the caller must restore the switch interval afterwards.
    """
    turn = sys.getswitchinterval()
    deadline = time.monotonic() + seconds
    blocked = 0
    while True:
        sys.setswitchinterval(_ALONE_S)
        busy = _importing(_ours())
        blocked = blocked + 1 if all(_waits(thread) for thread in busy) else 0
        if not busy or blocked > _LOOKS or time.monotonic() > deadline:
            return
        sys.setswitchinterval(turn)
        time.sleep(_STEP_S)


def forget_imports() -> None:
    """In a forked child: drop half-loaded modules of other threads, so that they are imported again."""
    here = threading.get_ident()
    for name, owner in list(_locks()):
        if owner == here:
            continue
        _BOOTSTRAP._module_locks.pop(name, None)
        spec = getattr(sys.modules.get(name), "__spec__", None)
        if getattr(spec, "_initializing", False):
            sys.modules.pop(name, None)


def _ours() -> set[int]:
    return own_threads() - {threading.get_ident()}


def _importing(threads: Collection[int]) -> set[int]:
    return {owner for _, owner in _locks() if owner in threads}


def _locks() -> Iterator[tuple[str, int]]:
    """Yield (module, thread) for each import in progress."""
    known: dict[str, Any] = getattr(_BOOTSTRAP, "_module_locks", {})
    for name, reference in known.copy().items():
        owner = getattr(reference(), "owner", None)
        if owner is not None:
            yield name, owner


def _waits(thread: int) -> bool:
    """Return whether a thread waits for another thread's import."""
    return bool(getattr(_BOOTSTRAP, "_blocking_on", {}).get(thread))
