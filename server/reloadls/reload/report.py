"""The reload report as plain data: what a program did with a batch of changes.

`reloadls.protocol.report` has the same shapes for the wire. They are separate so that a reloaded program need not
import the protocol.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from reloadls.wire.report import RESTART_CODES, ModuleStatus, NoteCode, ReportStatus

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleReport:
    """The result for one module."""

    name: str
    """The dotted name."""
    path: str
    status: ModuleStatus
    changed: tuple[str, ...] = ()
    """The qualified names that now run new code."""
    reason: str | None = None
    """Why the edit could not be applied live; None if it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCounts:
    """How many live pool sessions the reload affected."""

    rebound: int = 0
    pinned: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLocation:
    """A range in a source file, counted as Python does: lines from 1, columns from 0 in characters."""

    path: str
    line: int
    column: int = 0
    end_line: int | None = None
    end_column: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportError:
    """The exception that caused the rollback."""

    type: str
    """The exception's class, with its module unless that is builtins."""
    message: str
    location: SourceLocation | None = None
    traceback: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A difference from a fresh start that remains although the files were reloaded."""

    code: NoteCode
    message: str
    """What is not live, and why; one sentence for people."""
    location: SourceLocation | None = None
    name: str | None = None
    """The qualified name of the function, class or variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadReport:
    """What one running program did with one batch."""

    status: ReportStatus
    at: str
    """When it was applied: ISO 8601, UTC, milliseconds."""
    duration_ms: float
    modules: tuple[ModuleReport, ...] = ()
    sessions: SessionCounts = field(default_factory=SessionCounts)
    error: ReportError | None = None
    notes: tuple[Note, ...] = ()
    """What still differs from a fresh start."""
    target: str = field(default_factory=lambda: str(os.getpid()))
    """The program's target id."""
    clock: str = ""
    """The batch's position among this program's reports."""
