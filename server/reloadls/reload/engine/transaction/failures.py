"""Describe an exception that rolled a batch back."""

from __future__ import annotations

import contextlib
import linecache
import os
import sys
import tokenize
import traceback
from collections.abc import Iterator
from types import TracebackType

from reloadls.base import PACKAGE
from reloadls.reload.engine.program.modules import Modules
from reloadls.reload.report import ReportError, SourceLocation

__all__ = ["describe"]

_ENGINE = os.path.join(PACKAGE, "reload", "engine") + os.sep
_LONGEST = 10_000


def describe(error: BaseException, modules: Modules) -> ReportError:
    """Type, message, place and traceback: the place is the innermost that lies in the program's own files."""
    location = _of_syntax(error) if isinstance(error, SyntaxError) else None
    with _libraries():
        return ReportError(
            type=type(error).__qualname__,
            message=_message(error),
            location=location or _of_template(error) or _of_frames(error.__traceback__, modules),
            traceback=_text(error),
        )


_LATE = {module.__name__: module for module in (linecache, tokenize)}
"""What the standard library imports only when it reads a line of source."""


@contextlib.contextmanager
def _libraries() -> Iterator[None]:
    """Have the standard library find its own modules, where the program has others by their names."""
    programs = {name: sys.modules.get(name) for name in _LATE}
    sys.modules.update(_LATE)
    try:
        yield
    finally:
        for name, module in programs.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def _message(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.msg:
        return error.msg
    try:
        return str(error)
    except Exception as other:  # its own __str__
        return f"its message can't be read: {type(other).__name__}"


def _of_syntax(error: SyntaxError) -> SourceLocation | None:
    if not error.filename or not os.path.isabs(error.filename):
        return None
    column = max((error.offset or 1) - 1, 0)
    end_column = error.end_offset - 1 if error.end_offset and error.end_offset > 0 else None
    end_line = error.end_lineno or None
    return SourceLocation(
        path=error.filename, line=error.lineno or 1, column=column, end_line=end_line, end_column=end_column
    )


def _of_template(error: BaseException) -> SourceLocation | None:
    """Libraries for templates and configuration files say where as Python does."""
    path, line = getattr(error, "filename", None), getattr(error, "lineno", None)
    if isinstance(path, str) and isinstance(line, int) and os.path.isabs(path) and not isinstance(error, OSError):
        return SourceLocation(path=path, line=max(line, 1))
    return None


def _of_frames(trace: TracebackType | None, modules: Modules) -> SourceLocation | None:
    found = None
    for frame, line in traceback.walk_tb(trace):
        if frame.f_code.co_filename.startswith("<"):  # text that was run by `exec`
            continue
        path = os.path.realpath(frame.f_code.co_filename)
        if modules.covers(path) and not path.startswith(_ENGINE):
            found = SourceLocation(path=path, line=line)
    if found is None:
        return None
    return _with_columns(found, trace)


def _with_columns(location: SourceLocation, trace: TracebackType | None) -> SourceLocation:
    for summary in reversed(traceback.extract_tb(trace)):
        if os.path.realpath(summary.filename) == location.path and summary.lineno == location.line:
            return SourceLocation(
                path=location.path,
                line=location.line,
                column=_characters(location.path, location.line, summary.colno) or 0,
                end_line=summary.end_lineno,
                end_column=_characters(location.path, summary.end_lineno or location.line, summary.end_colno),
            )
    return location


def _characters(path: str, line: int, bytes_: int | None) -> int | None:
    """Python counts the columns of code in bytes of UTF-8."""
    if bytes_ is None:
        return None
    return len(linecache.getline(path, line).encode()[:bytes_].decode(errors="ignore"))


def _text(error: BaseException) -> str:
    """The traceback, from where the program's own code begins."""
    if isinstance(error, SyntaxError) and _of_syntax(error):
        return "".join(traceback.format_exception_only(error))
    whole = traceback.TracebackException.from_exception(error)
    part: traceback.TracebackException | None = whole
    while part is not None:
        kept = [frame for frame in part.stack if not os.path.abspath(frame.filename).startswith(_ENGINE)]
        part.stack = traceback.StackSummary.from_list(kept)
        part = part.__cause__ or part.__context__
    return "".join(whole.format())[-_LONGEST:]
