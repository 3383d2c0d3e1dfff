"""Run a module's code, and record line by line what it changes beside the module's names, and which functions run."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from time import monotonic
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType
from typing import Any, Protocol, cast

from reloadls.reload.engine.analysis.bytecode import Line, lines_with_effects, names_bound_by
from reloadls.reload.engine.analysis.codes import all_codes, is_class_body
from reloadls.reload.engine.objects.changes import Change, Snapshot
from reloadls.reload.engine.objects.containers import home_of, is_a
from reloadls.reload.engine.objects.values import OPEN, copy_of, is_made_empty, is_plain
from reloadls.reload.engine.undo import MISSING

from .candidates import may_act, snapshot, starts_of

__all__ = ["Calls", "Lines", "can_watch", "follow_calls"]

_OFTEN = 8
"""A line that has run so often is in a loop: what it does from then on is noted as one change."""
_MOST_COPIED = 500
"""Of so many entries that a line gives a container, it is noted how they were made."""
_MANY = 500
"""After so many calls of functions within a line, each function is noted at its next call only."""


class Calls(Protocol):
    """Keeps which functions of the program have run within the lines of a module."""

    def called(self, line: int, module: str, function: str) -> None:
        """A function began to run, while a line did. The functions are given by their modules' and qualified names."""

    def made(self, name: str, copy: object) -> None:
        """A line has bound a name, or an attribute of a class, to a container or object of plain data: a copy of it."""


class Lines:
    """Watches one code object while it runs.

    Args:
        namespace: of its module.
        note: given each change, with the line that made it.
        bound: given the names that a line bound without naming them, with that line.
        owns: whether a module of this name is the program's.
        calls: given the functions that run meanwhile.
        most: how many objects to look at for a line.
    """

    def __init__(
        self,
        namespace: dict[str, Any],
        note: Callable[[int, Change], None],
        bound: Callable[[int, frozenset[str]], None],
        owns: Callable[[str], bool],
        calls: Calls,
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
        self._calls = calls
        self._bound_at: dict[int, set[str]] = {}
        self._named: set[str] = set()
        self._counts: Counter[int] = Counter()
        self._number = 0
        """The line that runs."""
        self._seen: dict[int, set[int]] = {}
        """Line -> the ids of the code of functions that have run within it."""
        self._starts = 0
        self._has_called = False
        """Functions have run since a name was bound."""

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
        self._bound_at = names_bound_by(code)
        self._named = {name for names in self._bound_at.values() for name in names}

        def line(number: int) -> bool:
            return self._line(number, lines)

        def stop(number: int) -> None:
            if until is not None and number >= until:
                self._close()
            else:
                self._pending = None  # what a line has done so far is not all that it does
                ended(number)

        follow_calls([code])
        _running.append(self)
        try:
            with _watching(code, line, until, stop, self) as watched:
                try:
                    exec(code, self._namespace)  # noqa: S102 - the source is the program's own
                finally:
                    self._close()
        finally:
            _running.remove(self)
        return watched

    def started(self, code: CodeType, namespace: dict[str, Any]) -> bool:
        """A function of the program begins to run. Returns whether to go on reporting it."""
        self._has_called = True
        seen = self._seen.setdefault(self._number, set())
        if id(code) not in seen:
            seen.add(id(code))
            if self.owns(namespace):
                self._calls.called(self._number, str(dict.get(namespace, "__name__")), code.co_qualname)
        self._starts += 1
        return self._starts < _MANY

    def owns(self, namespace: dict[str, Any]) -> bool:
        """Whether these are the names of a module of the program."""
        return self._owns(str(dict.get(namespace, "__name__")))

    def _line(self, number: int, lines: dict[int, Line]) -> bool:
        """A line is about to run. Returns whether to go on reporting it."""
        self._close()
        self._number, self._starts = number, 0
        _report_again()
        if (found := lines.get(number)) and may_act(found, self._namespace):
            names = list(self._namespace) if found.runs_text else found.names
            starts = starts_of(names, self._namespace)
            taken = snapshot(starts, self._owns, most=self._most, line=found)
            self._pending = (number, taken) if taken else None
            self._acting = (number, len(self._namespace))
        self._counts[number] += 1
        return self._counts[number] < _OFTEN

    def _close(self) -> None:
        for name in self._bound_at.get(self._number, ()):
            value = self._namespace.get(name)
            self._copy_made(name, value)
            is_class = is_a(value, type) and home_of(value) == self._namespace.get("__name__")
            if is_class or (self._has_called and is_a(value, FunctionType) and self._owns(str(value.__module__))):
                self._copy_attributes(name, value)
            self._has_called = False
        if self._acting is not None:
            (number, names), self._acting = self._acting, None
            if len(self._namespace) > names and (added := self._added(names)):
                self._bound(number, added)
        if self._pending is not None:
            (number, taken), self._pending = self._pending, None
            known = (self._namespace, self._namespace.get("__annotations__"), self._module())
            for change in taken.changes():
                if change.owner is known[-1] and change.attributes and self._counts[number] < _OFTEN:
                    change = _without_names(change, self._bound_at.get(number, ()))  # noqa: PLW2901 - functions set the rest
                elif any(change.owner is each for each in known):  # what becomes of names is known without this
                    continue
                if change.given() or change.removed or change.whole or not change.attributes:
                    self._copy_given(change)
                    self._note(number, change)

    def _may_change(self, value: Any) -> bool:
        """Whether a value may be data that the running program goes on to change."""
        return type(value) in OPEN or self._owns(home_of(type(value)))

    def _copy_made(self, name: str, value: Any) -> None:
        if self._may_change(value) and (copy := copy_of(value, self._owns)) is not MISSING:
            self._calls.made(name, copy)

    def _copy_attributes(self, name: str, owner: Any) -> None:
        for attribute, held in dict(vars(owner)).items():
            if self._has_called and is_plain(held) and not attribute.startswith("__"):  # a decorator may count in it
                self._calls.made(f"{name}.{attribute}", copy_of(held))
            elif self._has_called and is_a(held, FunctionType) and is_a(owner, type):
                self._copy_attributes(f"{name}.{attribute}", held)
            else:
                self._copy_made(f"{name}.{attribute}", held)

    def _copy_given(self, change: Change) -> None:
        for _, value in islice(change.given(), _MOST_COPIED):
            may_change = self._may_change(value) or is_made_empty(value)
            if may_change and (copy := copy_of(value, self._owns)) is not MISSING:
                change.made[id(value)] = copy

    def _added(self, names: int) -> frozenset[str]:
        """The names beyond so many, new ones come last, that no statement and no import has bound."""
        package = f"{self._namespace.get('__name__')}."
        added = (name for name in islice(self._namespace, names, None) if name not in self._named)
        return frozenset(name for name in added if not name.startswith("__") and package + name not in sys.modules)

    def _module(self) -> object:
        return sys.modules.get(str(self._namespace.get("__name__")))


def _without_names(change: Change, names: Collection[str]) -> Change:
    """What a line has changed of its own module: the names that there were, and that it does not bind itself."""
    return replace(change, added=[], removed=[], replaced=[each for each in change.replaced if each[0] not in names])


def can_watch() -> bool:
    """Whether code can be watched now."""
    return _tool() is not None if sys.version_info >= (3, 12) else _may_trace()


def _may_trace() -> bool:
    """Whether nothing else traces. A debugger that has replaced the function says aloud that it may not be called."""
    return is_a(sys.settrace, BuiltinFunctionType) and getattr(sys.gettrace(), "__module__", __name__) == __name__


OnLine = Callable[[int], bool]


@contextmanager
def _watching(
    code: CodeType, line: OnLine, until: int | None, stop: Callable[[int], None], lines: Lines
) -> Iterator[bool]:
    if sys.version_info >= (3, 12):
        with _monitored(code, line) as watched:
            yield watched
    else:
        with _traced(_Trace(code, line, until, stop, lines)) as watched:
            yield watched


def follow_calls(codes: Iterable[CodeType]) -> None:
    """Have it noted when the functions run that code makes."""
    tool = _tool() if sys.version_info >= (3, 12) else None
    if tool is not None:
        for each in all_codes(codes):
            if not is_class_body(each):
                sys.monitoring.set_local_events(tool, each, sys.monitoring.events.PY_START)


_watched: dict[int, OnLine] = {}
_tools: list[int] = []
_running: list[Lines] = []
"""What runs now, the innermost last."""
_paused: list[bool] = []
"""Not empty while there are functions of which no call is reported any more."""

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
                sys.monitoring.register_callback(number, sys.monitoring.events.PY_START, _on_start)
                _tools.append(number)
                break
        return _tools[0] if _tools else None

    def _on_line(code: CodeType, number: int) -> object:
        line = _watched.get(id(code))
        if line is not None and line(number):
            return None
        return sys.monitoring.DISABLE

    def _on_start(code: CodeType, _offset: int) -> object:
        for innermost in _running[-1:]:  # other threads may end what runs there
            if innermost.started(code, sys._getframe(1).f_globals):
                return None
        _paused[:] = [True]
        return sys.monitoring.DISABLE


def _report_again() -> None:
    """Have calls reported of all functions."""
    if sys.version_info >= (3, 12) and _paused:
        _paused.clear()
        sys.monitoring.restart_events()


_LONG_S = 2.0
"""A script's line that runs for longer is where its program lives: to trace all that it calls would slow it down."""


@contextmanager
def _traced(trace: _Trace) -> Iterator[bool]:
    """The same for Python 3.11. A debugger or a measurement that traces already goes first."""
    outer, outer_of_threads = sys.gettrace(), threading.gettrace()
    if not _may_trace():
        yield False
        return
    sys.settrace(trace.on_call)
    threading.settrace(trace.on_call)
    try:
        yield True
    finally:
        if sys.gettrace() == trace.on_call:
            sys.settrace(outer)  # of the module that imports this one
        threading.settrace(cast("Any", outer_of_threads))
        trace.has_ended = True


class _Trace:
    """What `sys.settrace` calls for one code object; see `_traced`."""

    def __init__(
        self, code: CodeType, line: OnLine, until: int | None, stop: Callable[[int], None], lines: Lines
    ) -> None:
        self._code = code
        self._line = line
        self._until = until
        self._stop = stop
        self._lines = lines
        self._foreign: set[str] = set()
        """Files that are not the program's, of whose many calls nothing is to be known."""
        self.has_ended = False
        """Threads that were started meanwhile are traced until they notice this."""
        self._going_on: dict[int, bool] = {}
        self._number = 0
        self._long_from = float("inf")

    def on_call(self, frame: FrameType, _event: str, _argument: object) -> Any:
        """A frame begins."""
        if self.has_ended:
            sys.settrace(None)
            return None
        if frame.f_code is self._code:
            return self._on_line
        if frame.f_code.co_filename not in self._foreign:
            self._started(frame.f_code, frame.f_globals)
        if self._until is not None and self._long_from < monotonic():
            if _is_importing(frame):
                self._long_from = monotonic() + _LONG_S
            else:
                self._end(self._number)
        return None

    def _started(self, code: CodeType, namespace: dict[str, Any]) -> None:
        if code.co_filename.startswith("<") or self._lines.owns(namespace):
            if not is_class_body(code):
                self._lines.started(code, namespace)
        else:
            self._foreign.add(code.co_filename)

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
        threading.settrace(cast("Any", None))
        self.has_ended = True
        self._stop(number)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False
