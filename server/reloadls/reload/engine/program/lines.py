"""Run a module's code, and record line by line what it changes beside the module's names."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import islice
from time import monotonic
from types import BuiltinFunctionType, CodeType, FrameType
from typing import Any

from reloadls.reload.engine.analysis.bytecode import Line, lines_with_effects, names_bound_by
from reloadls.reload.engine.objects.changes import Change, Snapshot
from reloadls.reload.engine.objects.containers import is_a

from .candidates import may_act, snapshot, starts_of

__all__ = ["Lines", "can_watch"]

_OFTEN = 8
"""A line that has run so often is in a loop: what it does from then on is noted as one change."""


class Lines:
    """Watches one code object while it runs.

    Args:
        namespace: of its module.
        note: given each change, with the line that made it.
        bound: given the names that a line bound without naming them, with that line.
        owns: whether a module of this name is the program's.
        most: how many objects to look at for a line.
    """

    def __init__(
        self,
        namespace: dict[str, Any],
        note: Callable[[int, Change], None],
        bound: Callable[[int, frozenset[str]], None],
        owns: Callable[[str], bool],
        *,
        most: int = 150,
    ) -> None:
        self._namespace = namespace
        self._note = note
        self._bound = bound
        self._owns = owns
        self._most = most
        self._pending: tuple[int, Snapshot] | None = None
        self._acting: tuple[int, int] | None = None
        """The line that runs, and how many names there were before."""
        self._named: frozenset[str] = frozenset()
        self._counts: Counter[int] = Counter()

    @property
    def ran(self) -> Collection[int]:
        """The lines of the module that have run so far."""
        return self._counts.keys()

    def run(
        self, code: CodeType, *, until: int | None = None, ended: Callable[[int], object] = lambda _line: None
    ) -> bool:
        """Run it; False if it could not be watched. Raises what it raises.

        Args:
            code: of the module.
            until: the line from which on it is not watched, where watching would slow the program down (Python 3.11).
            ended: given the line that runs for so long that watching ends there, for the same reason.
        """
        lines = lines_with_effects(code)
        self._named = names_bound_by(code)

        def line(number: int) -> bool:
            return self._line(number, lines)

        def stop(number: int) -> None:
            if until is not None and number >= until:
                self._close()
            else:
                self._pending = None  # what a line has done so far is not all that it does
                ended(number)

        with _watching(code, line, until, stop) as watched:
            try:
                exec(code, self._namespace)  # noqa: S102 - the source is the program's own
            finally:
                self._close()
        return watched

    def _line(self, number: int, lines: dict[int, Line]) -> bool:
        """A line is about to run. Returns whether to go on reporting it."""
        self._close()
        if (found := lines.get(number)) and may_act(found, self._namespace):
            names = list(self._namespace) if found.runs_text else found.names
            starts = starts_of(names, self._namespace)
            taken = snapshot(starts, self._owns, most=self._most, line=found)
            self._pending = (number, taken) if taken else None
            self._acting = (number, len(self._namespace))
        self._counts[number] += 1
        return self._counts[number] < _OFTEN

    def _close(self) -> None:
        if self._acting is not None:
            (number, names), self._acting = self._acting, None
            if len(self._namespace) > names and (added := self._added(names)):
                self._bound(number, added)
        if self._pending is not None:
            (number, taken), self._pending = self._pending, None
            known = (self._namespace, self._namespace.get("__annotations__"), self._module())
            for change in taken.changes():
                if not any(change.owner is each for each in known):  # what becomes of names is known without this
                    self._note(number, change)

    def _added(self, names: int) -> frozenset[str]:
        """The names beyond so many, new ones come last, that no statement and no import has bound."""
        package = f"{self._namespace.get('__name__')}."
        added = (name for name in islice(self._namespace, names, None) if name not in self._named)
        return frozenset(name for name in added if not name.startswith("__") and package + name not in sys.modules)

    def _module(self) -> object:
        return sys.modules.get(str(self._namespace.get("__name__")))


def can_watch() -> bool:
    """Whether code can be watched now."""
    return _tool() is not None if sys.version_info >= (3, 12) else _may_trace()


def _may_trace() -> bool:
    """Whether nothing else traces. A debugger that has replaced the function says aloud that it may not be called."""
    return is_a(sys.settrace, BuiltinFunctionType) and getattr(sys.gettrace(), "__module__", __name__) == __name__


OnLine = Callable[[int], bool]


@contextmanager
def _watching(code: CodeType, line: OnLine, until: int | None, stop: Callable[[int], None]) -> Iterator[bool]:
    if sys.version_info >= (3, 12):
        with _monitored(code, line) as watched:
            yield watched
    else:
        with _traced(code, line, until, stop) as watched:
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


_LONG_S = 2.0
"""A script's line that runs for longer is where its program lives: to trace all that it calls would slow it down."""


@contextmanager
def _traced(code: CodeType, line: OnLine, until: int | None, stop: Callable[[int], None]) -> Iterator[bool]:
    """The same for Python 3.11. A debugger or a measurement that traces already goes first."""
    outer = sys.gettrace()
    if not _may_trace():
        yield False
        return
    trace = _Trace(code, line, until, stop)
    sys.settrace(trace.on_call)
    try:
        yield True
    finally:
        if sys.gettrace() == trace.on_call:
            sys.settrace(outer)  # of the module that imports this one


class _Trace:
    """What `sys.settrace` calls for one code object; see `_traced`."""

    def __init__(self, code: CodeType, line: OnLine, until: int | None, stop: Callable[[int], None]) -> None:
        self._code = code
        self._line = line
        self._until = until
        self._stop = stop
        self._going_on: dict[int, bool] = {}
        self._number = 0
        self._long_from = float("inf")

    def on_call(self, frame: FrameType, _event: str, _argument: object) -> Any:
        """A frame begins."""
        if frame.f_code is self._code:
            return self._on_line
        if self._long_from < monotonic():
            if _is_importing(frame):
                self._long_from = monotonic() + _LONG_S
            else:
                self._end(self._number)
        return None

    def _on_line(self, frame: FrameType, event: str, _argument: object) -> Any:
        number = frame.f_lineno
        if event != "line":
            return self._on_line
        if self._until is not None:
            if number >= self._until:
                self._end(number)
                return None
            self._number, self._long_from = number, monotonic() + _LONG_S
        if self._going_on.get(number, True):
            self._going_on[number] = self._line(number)
        return self._on_line

    def _end(self, number: int) -> None:
        sys.settrace(None)
        self._stop(number)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False
