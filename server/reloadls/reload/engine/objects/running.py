"""Which code of the program is on a stack: of a thread, a task, or a suspended generator."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from inspect import CO_OPTIMIZED
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, GeneratorType
from typing import TYPE_CHECKING, Any
from weakref import ref

from reloadls.reload.engine.analysis.codes import all_codes, is_class_body, same_but_lines

if TYPE_CHECKING:
    from reloadls.reload.report import Note

__all__ = [
    "GENERATORS",
    "REFERENCES",
    "Noted",
    "Running",
    "code_of_generator",
    "codes_of_tasks",
    "ended",
    "frame_of_generator",
    "frames",
    "frames_of_threads",
    "function_with",
    "old_code",
]

GENERATORS = frozenset([GeneratorType, CoroutineType, AsyncGeneratorType])
"""What has a frame that waits."""
Running = tuple[CodeType, dict[str, Any]]
"""A code object that is being run, and the namespace of its module."""


def frames() -> Iterator[FrameType]:
    """All frames of the threads, and those that tasks of asyncio wait in."""
    yield from _frames_of_threads()
    yield from _frames_of_tasks()


def frames_of_threads() -> Iterator[Running]:
    """What every thread is in the middle of."""
    return ((frame.f_code, frame.f_globals) for frame in _frames_of_threads())


def codes_of_tasks() -> Iterator[Running]:
    """What every task of asyncio waits in. The one that runs now is on the stack of its thread instead."""
    return ((frame.f_code, frame.f_globals) for frame in _frames_of_tasks())


def _frames_of_threads() -> Iterator[FrameType]:
    begun: list[FrameType | None] = list(sys._current_frames().values())
    while begun:
        frame = begun.pop()
        while frame is not None:
            yield frame
            frame = frame.f_back  # ends as None: a frame that knew itself would live on, and what it knows, too


def _frames_of_tasks() -> Iterator[FrameType]:
    for task in _tasks():
        waiting = task.get_coro()
        while waiting is not None:
            match waiting:
                case CoroutineType(cr_running=False, cr_frame=FrameType() as frame):
                    following = waiting.cr_await
                case GeneratorType(gi_running=False, gi_frame=FrameType() as frame):
                    following = waiting.gi_yieldfrom
                case _:
                    break
            yield frame
            waiting = following


def _tasks() -> list[Any]:
    tasks = sys.modules.get("asyncio.tasks")
    found: list[Any] = []
    for name in ("_all_tasks", "_scheduled_tasks", "_eager_tasks"):
        try:
            found += list(getattr(tasks, name, ()))
        except RuntimeError:  # another thread has just begun a task
            continue
    return found


def function_with(value: object) -> str | None:
    """The name of a function of the program that runs now, and has an object as an argument or variable."""
    for frame in frames():
        ours = str(frame.f_globals.get("__name__")).partition(".")[0] == __name__.partition(".")[0]
        if frame.f_code.co_flags & CO_OPTIMIZED and not ours:
            variables = list(frame.f_locals.values())
            if any(each is value for each in variables):
                return frame.f_code.co_qualname
    return None


def code_of_generator(value: object) -> CodeType | None:
    """The code that a generator or coroutine is in the middle of."""
    frame = frame_of_generator(value)
    return None if frame is None else frame.f_code


def frame_of_generator(value: object) -> FrameType | None:
    """The frame in which a generator or coroutine waits."""
    match value:
        case GeneratorType(gi_frame=FrameType() as frame):
            return frame
        case CoroutineType(cr_frame=FrameType() as frame):
            return frame
        case AsyncGeneratorType(ag_frame=FrameType() as frame):
            return frame
    return None


def old_code(
    current: Iterable[Iterable[CodeType]], running: Iterable[CodeType]
) -> Iterator[tuple[CodeType, CodeType | None]]:
    """Those running code objects that a module no longer has, each with what has its name now.

    Code that differs in its lines only is not old.
    """
    codes = [code for each in current for code in all_codes(each)]
    known = {id(code) for code in codes}
    for code in dict.fromkeys(running):
        if id(code) in known or code.co_name == "<module>" or is_class_body(code):
            continue
        named = [each for each in codes if each.co_qualname == code.co_qualname]
        if not any(same_but_lines(code, each) for each in named):
            yield code, next(iter(named), None)


def _references() -> int:
    def wait() -> Iterator[None]:
        yield

    before = sys.getrefcount(wait.__code__)
    waiting = wait()
    next(waiting)
    return sys.getrefcount(wait.__code__) - before


@dataclass(frozen=True, slots=True, eq=False)
class Noted:
    """Old code that was still running when a commit ended, and the note that says so. It does not keep the code."""

    note: Note
    code: ref[CodeType]
    suspended: bool
    """It waits in a generator or coroutine."""


def ended(noted: Iterable[Noted]) -> set[Note]:
    """The notes of code that no longer runs."""
    running = {id(code) for code, _ in (*frames_of_threads(), *codes_of_tasks())}
    found = set()
    for each in noted:
        code = each.code()
        if code is None or not (each.suspended or id(code) in running):
            found.add(each.note)
    return found


REFERENCES = _references()
"""How many references to its code a generator or coroutine holds while it waits."""
