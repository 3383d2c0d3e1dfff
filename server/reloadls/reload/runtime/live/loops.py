"""Which event loop the program runs, as seen from another thread."""

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
"""The functions in which a thread is as long as its loop runs. In others it may be at work on another thread's."""


def running_loop(but: Container[int] = ()) -> AbstractEventLoop | None:
    """The event loop that runs on the main thread, else on another one; None if there is none.

    It is read from the frames: a loop is only known to its own thread, and asyncio is left as it is.

    Args:
        but: threads that don't count.
    """
    kind: Any = getattr(sys.modules.get("asyncio.events"), "AbstractEventLoop", None)
    if kind is None:
        return None
    frames = sys._current_frames()
    main = threading.main_thread().ident
    for ident in sorted(frames, key=lambda ident: ident != main):
        if ident not in but and ident != threading.get_ident():
            # The innermost one counts: a loop may be run within another one's callback.
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
    # Not every frame is looked into: up to Python 3.12 that keeps alive what its variables hold.
    code = frame.f_code
    folder, _, file = code.co_filename.replace("\\", "/").rpartition("/")
    if folder.endswith("asyncio") and code.co_name in _RUNNING.get(file, ()):
        here = frame.f_locals.get("self")
        yield here
        yield getattr(here, "_loop", None)
    elif "uvloop" in sys.modules and "loop" in code.co_varnames:  # its own frames can't be seen
        yield frame.f_locals.get("loop")
