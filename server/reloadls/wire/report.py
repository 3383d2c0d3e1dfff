"""The words of a reload report: its status, the status of each module, and the codes of notes."""

from __future__ import annotations

from typing import Final, Literal

__all__ = ["RESTART_CODES", "ModuleStatus", "NoteCode", "ReportStatus"]

ReportStatus = Literal["reloaded", "unchanged", "restartRequired", "restarted", "failed"]
ModuleStatus = Literal["reloaded", "unchanged", "rolledBack", "restartRequired", "skipped"]
NoteCode = Literal["stillRunning", "stillHeld", "notUndone", "later", "notFollowed"]

RESTART_CODES: Final[frozenset[NoteCode]] = frozenset({"stillRunning", "stillHeld", "notUndone"})
"""Notes about differences that only a restart resolves."""
