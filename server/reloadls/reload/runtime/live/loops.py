"""Find the program's running event loop from another thread."""

from __future__ import annotations

import sys
import threading
from collections.abc import Container, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

__all__ = ["running_loop"]

_RUNNING = {"base_events.py": ("run_forever", "run_until_complete"), "runners.py": ("run",)}
"""The functions that stay on a thread's stack while its loop runs. Others may use another thread's loop."""


def running_loop(but: Container[int] = ()) -> AbstractEventLoop | None:
    """Return the event loop running on the main thread, else on another thread; None if there is none.

    The loop is found in the threads' frames: only its own thread has a reference to it, and asyncio stays unpatched.

    Args:
        but: threads to ignore.
    """
    kind: Any = getattr(sys.modules.get("asyncio.events"), "AbstractEventLoop", None)
    if kind is None:
        return None
    frames = sys._current_frames()
    main = threading.main_thread().ident
    for ident in sorted(frames, key=lambda ident: ident != main):
        if ident not in but and ident != threading.get_ident():
            # The innermost one: a loop may run within a callback of another.
            for found in _loops(frames[ident], kind):
                return found
    return None


def _loops(frame: FrameType | None, kind: type[AbstractEventLoop]) -> Iterator[AbstractEventLoop]:
    while frame is not None:
        for found in _candidates(frame):
            if isinstance(found, kind) and found.is_running():
                yield found
        frame = frame.f_back


def _candidates(frame: FrameType) -> Iterator[Any]:
    # Only these frames: up to Python 3.12, reading a frame's locals keeps their values alive.
    code = frame.f_code
    folder, _, file = code.co_filename.replace("\\", "/").rpartition("/")
    if folder.endswith("asyncio") and code.co_name in _RUNNING.get(file, ()):
        here = frame.f_locals.get("self")
        yield here
        yield getattr(here, "_loop", None)
    elif "uvloop" in sys.modules and "loop" in code.co_varnames:  # uvloop's own frames are invisible
        yield frame.f_locals.get("loop")
