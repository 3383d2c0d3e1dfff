"""Runs a module's code, and notes line by line what it changes beside the module's names."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

from .candidates import Line, lines_with_effects, may_act, snapshot, starts_of
from .changes import Change, Snapshot

__all__ = ["Lines", "can_watch"]

_OFTEN = 8
"""A line that has run so often is in a loop: what it does from then on is noted as one change."""


class Lines:
    """Watches one code object while it runs.

    Args:
        namespace: of its module.
        note: given each change, with the line that made it.
        owns: whether a module of this name is the program's.
        most: how many objects to look at for a line.
    """

    def __init__(
        self,
        namespace: dict[str, Any],
        note: Callable[[int, Change], None],
        owns: Callable[[str], bool],
        *,
        most: int = 150,
    ) -> None:
        self._namespace = namespace
        self._note = note
        self._owns = owns
        self._most = most
        self._pending: tuple[int, Snapshot] | None = None
        self._counts: Counter[int] = Counter()

    def run(self, code: CodeType) -> bool:
        """Run it; False if it could not be watched. Raises what it raises."""
        lines = lines_with_effects(code)

        def line(number: int) -> bool:
            return self._line(number, lines)

        with _watching(code, line) as watched:
            try:
                exec(code, self._namespace)  # noqa: S102 - the source is the program's own
            finally:
                self._close()
        return watched

    def _line(self, number: int, lines: dict[int, Line]) -> bool:
        """A line is about to run. Returns whether to go on reporting it."""
        self._close()
        if (found := lines.get(number)) and may_act(found, self._namespace):
            starts = starts_of(found.names, self._namespace)
            taken = snapshot(starts, self._owns, most=self._most, line=found)
            self._pending = (number, taken) if taken else None
        self._counts[number] += 1
        return self._counts[number] < _OFTEN

    def _close(self) -> None:
        if self._pending is not None:
            (number, taken), self._pending = self._pending, None
            for change in taken.changes():
                if change.owner is not self._namespace and change.owner is not self._module():
                    self._note(number, change)

    def _module(self) -> object:
        return sys.modules.get(str(self._namespace.get("__name__")))


def can_watch() -> bool:
    """Whether code can be watched now."""
    return _tool() is not None if sys.version_info >= (3, 12) else _may_trace()


def _may_trace() -> bool:
    return getattr(sys.gettrace(), "__module__", __name__) == __name__


OnLine = Callable[[int], bool]


@contextmanager
def _watching(code: CodeType, line: OnLine) -> Iterator[bool]:
    if sys.version_info >= (3, 12):
        with _monitored(code, line) as watched:
            yield watched
    else:
        with _traced(code, line) as watched:
            yield watched


_watched: dict[int, OnLine] = {}
_tools: list[int] = []

if sys.version_info >= (3, 12):

    @contextmanager
    def _monitored(code: CodeType, line: OnLine) -> Iterator[bool]:
        tool = _tool()
        if tool is None:
            yield False
            return
        _watched[id(code)] = line
        sys.monitoring.set_local_events(tool, code, sys.monitoring.events.LINE)
        try:
            yield True
        finally:
            sys.monitoring.set_local_events(tool, code, 0)
            _watched.pop(id(code), None)

    def _tool() -> int | None:
        """This process's number among the tools that watch code."""
        for number in () if _tools else (3, 4):
            if sys.monitoring.get_tool(number) is None:
                sys.monitoring.use_tool_id(number, "reloadls")
                sys.monitoring.register_callback(number, sys.monitoring.events.LINE, _on_line)
                _tools.append(number)
                break
        return _tools[0] if _tools else None

    def _on_line(code: CodeType, number: int) -> object:
        line = _watched.get(id(code))
        if line is not None and line(number):
            return None
        return sys.monitoring.DISABLE


@contextmanager
def _traced(code: CodeType, line: OnLine) -> Iterator[bool]:
    """The same for Python 3.11. A debugger or a measurement that traces already goes first."""
    outer = sys.gettrace()
    if not _may_trace():
        yield False
        return

    def on_call(frame: FrameType, _event: str, _argument: object) -> Any:
        return on_line if frame.f_code is code else None

    def on_line(frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line" and going_on.get(frame.f_lineno, True):
            going_on[frame.f_lineno] = line(frame.f_lineno)
        return on_line

    going_on: dict[int, bool] = {}
    sys.settrace(on_call)
    try:
        yield True
    finally:
        if sys.gettrace() is on_call:
            sys.settrace(outer)  # of the module that imports this one
