"""The output lines of `reloadls watch`: changes, existing files and problems."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reloadls.base.timestamps import utc_text
from reloadls.watch.change import FileChange
from reloadls.watch.snapshot.problems import Problem
from reloadls.watch.status import WatchStatus

from .text import json_line, relative, shown, unicode_path

__all__ = ["HumanLines", "JsonLines", "backend_text", "header", "status_lines"]


_COLOURS: Final = {"created": "\x1b[32m", "modified": "\x1b[33m", "deleted": "\x1b[31m"}
_DIM: Final = "\x1b[2m"
_RESET: Final = "\x1b[0m"
_NAMED_ROOTS: Final = 3
_DENIED: Final = ("permissionDenied", "timedOut", "tooManyFiles", "unreadable")


@dataclass(frozen=True)
class HumanLines:
    """Lines for people.

    Attributes:
        folder: paths below it are shown relative to it.
        colour: whether escape sequences may be used.
    """

    folder: str
    colour: bool

    def change(self, change: FileChange, at: datetime) -> str:
        """One change, with the local time."""
        time = f"{at.astimezone():%H:%M:%S}.{at.microsecond // 1000:03d}"
        path = shown(relative(os.fspath(change.path), self.folder))
        if change.renamed_from is not None:
            path = f"{path}  (was {shown(relative(os.fspath(change.renamed_from), self.folder))})"
        kind = f"{change.change_type:8}"
        if self.colour:
            time, kind = f"{_DIM}{time}{_RESET}", f"{_COLOURS[change.change_type]}{kind}{_RESET}"
        return f"{time}  {kind}  {path}\n"


class JsonLines:
    """Lines for programs: JSON objects."""

    def __init__(self) -> None:
        # Only JSON output needs URIs.
        from reloadls.wire.uris import to_uri  # noqa: PLC0415

        self._to_uri = to_uri

    def snapshot(self, path: str) -> str:
        """One existing file."""
        return json_line({"type": "snapshot", "path": unicode_path(path), "uri": self._to_uri(path)})

    def ready(self) -> str:
        """All existing files are listed; changes follow."""
        return json_line({"type": "ready"})

    def change(self, change: FileChange, at: datetime) -> str:
        """One change, with the time in UTC."""
        path = os.fspath(change.path)
        line = {"type": change.change_type, "path": unicode_path(path), "uri": self._to_uri(path), "at": utc_text(at)}
        if change.renamed_from is not None:
            line["renamedFrom"] = self._to_uri(os.fspath(change.renamed_from))
        return json_line(line)


def header(status: WatchStatus, folder: str, *, endless: bool) -> str:
    """Return what is watched, in one line."""
    files = sum(root.files for root in status.roots)
    names = ["this folder" if root.path == folder else shown(relative(root.path, folder)) for root in status.roots]
    more = f" and {len(names) - _NAMED_ROOTS} more" if len(names) > _NAMED_ROOTS else ""
    hint = ", Ctrl-C ends it" if endless else ""
    count = f"{files:,} file{'' if files == 1 else 's'}"
    return f"Watching {', '.join(names[:_NAMED_ROOTS])}{more}: {count}, {backend_text(status.backend)}{hint}\n"


def backend_text(backend: str) -> str:
    """Return the name of the backend, for people."""
    return "native notifications" if backend == "native" else backend


def status_lines(before: Sequence[Problem], now: Sequence[Problem], folder: str) -> Iterable[str]:
    """Yield a line for each new problem and for each one that is resolved."""
    for problem in now:
        if problem not in before:
            yield f"reloadls: {_problem(problem, folder)}\n"
    for problem in before:
        if problem not in now:
            yield f"reloadls: {_over(problem, folder)}\n"


def _problem(problem: Problem, folder: str) -> str:
    if problem.code == "missingPath" and problem.path is not None:
        return f"{shown(relative(problem.path, folder))} does not exist; waiting for it"
    return shown(problem.message)


def _over(problem: Problem, folder: str) -> str:
    name = "" if problem.path is None else shown(relative(problem.path, folder))
    if problem.code == "missingPath":
        return f"{name} exists again"
    if problem.code in _DENIED and name:
        return f"{name} can be read again, or no longer exists"
    return f"resolved: {shown(problem.message)}"
