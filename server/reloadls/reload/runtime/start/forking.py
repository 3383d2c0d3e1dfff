"""Imports at a fork: what our threads import must be whole in the child, where those threads are not.

A module that another thread was importing at a fork stays half in the child, and its lock is never let go of: whoever
imports it there waits for ever, or finds a half of it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Collection, Iterator
from typing import Any, Final

__all__ = ["forget_imports", "wait_for_imports"]

_BOOTSTRAP: Any = sys.modules["_frozen_importlib"]
_STEP_S: Final = 0.001
_LOOKS: Final = 200
"""A thread that waits for a lock each time it is looked at, so many times, waits for one that does not come."""
_ALONE_S: Final = 5.0
"""A turn that no fork is longer than, in seconds."""


def wait_for_imports(seconds: float) -> None:
    """Wait until none of our threads is in the middle of an import, but for so long at most.

    One that waits for this thread's own import is not waited for. No other thread gets a turn from the last look to the
    fork: whoever calls this puts the switch interval back after it.
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
    """In a forked child: what other threads were in the middle of importing is imported anew."""
    here = threading.get_ident()
    for name, owner in list(_locks()):
        if owner == here:
            continue
        _BOOTSTRAP._module_locks.pop(name, None)
        spec = getattr(sys.modules.get(name), "__spec__", None)
        if getattr(spec, "_initializing", False):
            sys.modules.pop(name, None)


def _ours() -> set[int]:
    here = threading.get_ident()
    found = {each.ident for each in threading.enumerate() if each.name.startswith("reloadls-")}
    return {ident for ident in found if ident is not None and ident != here}


def _importing(threads: Collection[int]) -> set[int]:
    return {owner for _, owner in _locks() if owner in threads}


def _locks() -> Iterator[tuple[str, int]]:
    """Which module is being imported by which thread."""
    known: dict[str, Any] = getattr(_BOOTSTRAP, "_module_locks", {})
    for name, reference in known.copy().items():
        owner = getattr(reference(), "owner", None)
        if owner is not None:
            yield name, owner


def _waits(thread: int) -> bool:
    """Whether a thread waits for another one's import, or is just about to know that it need not."""
    return bool(getattr(_BOOTSTRAP, "_blocking_on", {}).get(thread))
