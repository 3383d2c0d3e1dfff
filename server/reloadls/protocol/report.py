"""What a running program did with a batch, as it is told to clients."""

from __future__ import annotations

from typing import Final, Literal

from attrs import field, frozen
from lsprotocol.types import Range

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

ReportStatus = Literal["reloaded", "unchanged", "restartRequired", "restarted", "failed"]
ModuleStatus = Literal["reloaded", "unchanged", "rolledBack", "restartRequired", "skipped"]
NoteCode = Literal["stillRunning", "stillHeld", "notUndone", "later", "notFollowed"]

_ALWAYS: Final = {"always": True}


@frozen(kw_only=True)
class ModuleReport:
    """What became of one module."""

    name: str
    """Its dotted name."""
    uri: str
    status: ModuleStatus
    changed: tuple[str, ...] = field(default=(), metadata=_ALWAYS)
    """The qualified names that now run new code."""
    reason: str | None = None
    """Why it could not be done live, where it couldn't."""


@frozen(kw_only=True)
class SessionCounts:
    """What became of the program's live sessions."""

    rebound: int = field(default=0, metadata=_ALWAYS)
    """On the new code now."""
    pinned: int = field(default=0, metadata=_ALWAYS)
    """Still on the old code, to follow at a safe point."""
    failed: int = field(default=0, metadata=_ALWAYS)


@frozen(kw_only=True)
class ReportError:
    """The exception that made the program take the batch back."""

    type: str
    """The class of the exception."""
    message: str
    uri: str | None = None
    range: Range | None = None
    """Where in that file; LSP positions, from 0."""
    traceback: str | None = None


@frozen(kw_only=True)
class Note:
    """One way in which the program differs from a fresh start, although the files were reloaded."""

    code: NoteCode
    """stillRunning: old code is on a stack. stillHeld: something holds an old object. notUndone: an effect of an edited
    or removed statement remains. later: it takes effect with the next call of a factory or the next process.
    notFollowed: the file is loaded, but edits of it are not applied."""
    message: str
    """A sentence for people: what is not live, and why."""
    uri: str | None = None
    range: Range | None = None
    """Where in that file; LSP positions, from 0."""
    name: str | None = None
    """The qualified name of what it is about."""


@frozen(kw_only=True)
class ReloadReport:
    """What one running program did with one batch."""

    target: str
    """The `TargetStatus.id` of the program."""
    clock: str
    """The batch's position among those that this program took up. A program watches by itself and may know of a change
    before the service has told it, so this is no clock of `reload/didChange`, and only comparable for one program."""
    at: str
    duration_ms: float
    status: ReportStatus
    modules: tuple[ModuleReport, ...] = field(default=(), metadata=_ALWAYS)
    sessions: SessionCounts = field(factory=SessionCounts, metadata=_ALWAYS)
    error: ReportError | None = None
    notes: tuple[Note, ...] = ()
    """What falls short of a fresh start."""
