"""What a running program did with a batch of changes.

The wire's shape of it is `reloadls.protocol.report`; this is the same as plain data, so that a program that is reloaded
need not import a protocol.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "RESTART_CODES",
    "ModuleReport",
    "ModuleStatus",
    "Note",
    "NoteCode",
    "SourceLocation",
    "ReloadReport",
    "ReportError",
    "ReportStatus",
    "SessionCounts",
]

ReportStatus = Literal["reloaded", "unchanged", "restartRequired", "restarted", "failed"]
ModuleStatus = Literal["reloaded", "unchanged", "rolledBack", "restartRequired", "skipped"]
NoteCode = Literal["stillRunning", "stillHeld", "notUndone", "later", "notFollowed"]

RESTART_CODES: frozenset[NoteCode] = frozenset({"stillRunning", "stillHeld", "notUndone"})
"""What only a restart brings up to date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleReport:
    """What became of one module."""

    name: str
    """Its dotted name."""
    path: str
    status: ModuleStatus
    changed: tuple[str, ...] = ()
    """The qualified names that now run new code."""
    reason: str | None = None
    """Why it could not be done live, where it couldn't."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCounts:
    """What became of the program's live sessions."""

    rebound: int = 0
    pinned: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLocation:
    """Where in a file: lines from 1, columns from 0 in characters, as Python counts them."""

    path: str
    line: int
    column: int = 0
    end_line: int | None = None
    end_column: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportError:
    """The exception that made the program take the batch back."""

    type: str
    """The class of the exception."""
    message: str
    location: SourceLocation | None = None
    traceback: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One way in which the program differs from a fresh start, although the files were reloaded."""

    code: NoteCode
    message: str
    """A sentence for people: what is not live, and why."""
    location: SourceLocation | None = None
    name: str | None = None
    """The qualified name of what it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadReport:
    """What one running program did with one batch."""

    status: ReportStatus
    at: str
    """When it was done: ISO 8601, UTC, milliseconds."""
    duration_ms: float
    modules: tuple[ModuleReport, ...] = ()
    sessions: SessionCounts = field(default_factory=SessionCounts)
    error: ReportError | None = None
    notes: tuple[Note, ...] = ()
    """What falls short of a fresh start."""
    target: str = field(default_factory=lambda: str(os.getpid()))
    """The program's id."""
    clock: str = ""
    """The position of the batch among those of this program."""
