"""Which session blocks the event loop: found from another thread, without ever waking an idle loop."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

__all__ = ["BlockDetector", "Watchdog"]

LIMIT_S: Final = 0.25
"""How long a session may hold the event loop."""
_LOOK_S: Final = 0.05
_MOST_FRAMES: Final = 30

Task = asyncio.Task[Any]
Report = Callable[[Task, float, str], None]


class BlockDetector:
    """Decides from looks at the loop whether one step of one task takes too long. Pure.

    A look sees the task that runs, and whether the loop has come around since the first look at it. The same task
    without the loop coming around is the same step.
    """

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._task: object | None = None
        self._since = 0.0
        self._reported = False

    def look(self, now: float, task: object | None, *, came_around: bool) -> bool:
        """Note one look; whether this step is to be reported now. Each step is reported once."""
        if task is None or came_around or task is not self._task:
            self._task, self._since, self._reported = task, now, False
            return False
        if self._reported or now - self._since < self._limit_s:
            return False
        self._reported = True
        return True

    def held(self, now: float) -> float:
        """For how many seconds the step has been seen to run."""
        return now - self._since


class Watchdog:
    """A thread that looks at the event loop while `watch` is on, and reports each task that blocks it.

    Args:
        loop: the loop; the caller's thread runs it.
        report: called on the watchdog's thread with the task, for how long it has run, and its stack.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, report: Report) -> None:
        self._loop = loop
        self._loop_thread = threading.get_ident()
        self._report = report
        self._detector = BlockDetector()
        self._active = threading.Event()
        self._ending = threading.Event()
        self._asked = False
        self._answered = False
        self._thread = threading.Thread(target=self._run, name="reloadls-pool-watchdog", daemon=True)
        self._thread.start()

    def watch(self, active: bool) -> None:
        """Look, or sleep: a pool without sessions has nothing to look for."""
        if active is self._active.is_set():
            return
        if active:
            self._active.set()
        else:
            self._active.clear()

    def stop(self) -> None:
        """End the thread."""
        self._ending.set()
        self._active.set()
        self._thread.join()

    def _run(self) -> None:
        while self._active.wait() and not self._ending.wait(_LOOK_S):
            try:
                self._look(time.monotonic())
            except RuntimeError:  # the loop is closed, or its tasks changed during the look
                continue

    def _look(self, now: float) -> None:
        task = asyncio.current_task(self._loop)
        came_around, self._answered = self._answered, False
        if came_around:
            self._asked = False
        if self._detector.look(now, task, came_around=came_around):
            assert task is not None
            self._report(task, self._detector.held(now), self._stack())
        if task is not None and not self._asked:
            self._asked = True
            self._loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        self._answered = True

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._loop_thread)
        return "".join(traceback.format_list(_frames_of_session(frame))).rstrip()


def _frames_of_session(frame: FrameType | None) -> list[traceback.FrameSummary]:
    """The innermost frames, without those of the event loop and of the pool."""
    found = traceback.extract_stack(frame)[-_MOST_FRAMES:] if frame is not None else []
    outside = [index for index, each in enumerate(found) if each.name == "_run" and "asyncio" in each.filename]
    return found[outside[-1] + 1 :] if outside else found
