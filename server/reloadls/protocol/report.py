"""The report of a running program about a batch, as clients receive it."""

from __future__ import annotations

from typing import Final

from attrs import field, frozen
from lsprotocol.types import Range

from reloadls.wire.report import ModuleStatus, NoteCode, ReportStatus

__all__ = [
    "ModuleReport",
    "ModuleStatus",
    "Note",
    "NoteCode",
    "ReloadReport",
    "ReportError",
    "ReportStatus",
    "SessionCounts",
]


_ALWAYS: Final = {"always": True}


@frozen(kw_only=True)
class ModuleReport:
    """The result for one module."""

    name: str
    """Its dotted name."""
    uri: str
    status: ModuleStatus
    changed: tuple[str, ...] = field(default=(), metadata=_ALWAYS)
    """The qualified names that now run new code."""
    reason: str | None = None
    """Why it could not be applied live, if so."""


@frozen(kw_only=True)
class SessionCounts:
    """The program's live sessions after the reload."""

    rebound: int = field(default=0, metadata=_ALWAYS)
    """Sessions on the new code."""
    pinned: int = field(default=0, metadata=_ALWAYS)
    """Sessions still on the old code, which follow at a safe point."""
    failed: int = field(default=0, metadata=_ALWAYS)


@frozen(kw_only=True)
class ReportError:
    """The exception that made the program roll the batch back."""

    type: str
    """The class of the exception."""
    message: str
    uri: str | None = None
    range: Range | None = None
    """The position in that file; LSP positions, from 0."""
    traceback: str | None = None


@frozen(kw_only=True)
class Note:
    """One way in which the program differs from a fresh start, although the files were reloaded."""

    code: NoteCode
    """stillRunning: old code is on a stack. stillHeld: something holds an old object. notUndone: an effect of an edited
    or removed statement remains. later: it takes effect with the next call of a factory or the next process.
    notFollowed: the file is loaded, but edits of it are not applied."""
    message: str
    """A sentence for people: what was not applied, and why."""
    uri: str | None = None
    range: Range | None = None
    """The position in that file; LSP positions, from 0."""
    name: str | None = None
    """The qualified name of the object concerned."""


@frozen(kw_only=True)
class ReloadReport:
    """The result of one batch in one running program."""

    target: str
    """The `TargetStatus.id` of the program."""
    clock: str
    """The batch's position among those that this program applied. A program watches its files itself, so this is not a
    clock of `reload/didChange`, and it is only comparable within one program."""
    at: str
    duration_ms: float
    status: ReportStatus
    modules: tuple[ModuleReport, ...] = field(default=(), metadata=_ALWAYS)
    sessions: SessionCounts = field(factory=SessionCounts, metadata=_ALWAYS)
    error: ReportError | None = None
    notes: tuple[Note, ...] = ()
    """Differences from a fresh start."""
