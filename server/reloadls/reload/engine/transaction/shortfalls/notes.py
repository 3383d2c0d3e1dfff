"""The notes of one commit: what differs from a fresh start after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reloadls.reload.report import Note, SourceLocation

if TYPE_CHECKING:
    from reloadls.reload.engine.program.modules import LoadedModule
    from reloadls.reload.report import NoteCode

__all__ = ["MOST_NOTES", "Notes"]

MOST_NOTES = 50
"""How many notes one report carries."""


class Notes:
    """The notes of one commit. A commit that is taken back drops them with everything else it did."""

    def __init__(self) -> None:
        self._notes: dict[Note, None] = {}

    def add(
        self,
        code: NoteCode,
        message: str,
        *,
        module: LoadedModule | None = None,
        line: int | None = None,
        name: str | None = None,
    ) -> Note:
        """Add a note, and return it. One that is known already is not added twice.

        Args:
            code: what kind of difference it is.
            message: a sentence for people: what is not live, and why.
            module: the module whose source it is about.
            line: where in its new source, from 1.
            name: the qualified name of what it is about.
        """
        location = None if module is None else SourceLocation(path=module.path, line=line or 1)
        note = Note(code=code, message=message, location=location, name=name)
        self._notes[note] = None
        return note

    def clear(self) -> None:
        """Drop all notes."""
        self._notes.clear()

    def collected(self) -> tuple[Note, ...]:
        """The notes in the order in which they were added, at most `MOST_NOTES`."""
        return tuple(self._notes)[:MOST_NOTES]
