"""The second act without a terminal: plain lines for people, or JSON lines for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from reloadls.terminal.text import json_line, shown, unicode_path

from .load import Counts
from .project import Edit
from .run import EditResult, LiveResult, verdict

__all__ = ["JsonScreen", "PlainScreen"]

_WIDTH: Final = 80


class PlainScreen:
    """What `reloadls run` says, edit by edit."""

    def begin(self, edits: Sequence[Edit], guests: int, counts: Counts) -> None:
        """The guests are there."""
        self._edits, self._number = edits, 0
        _say(f"\nreloadls run: a FastAPI application, {guests} guests that ask without a pause")
        _say("Times: from the save to the first answer that shows it")

    def started(self, edit: Edit) -> None:
        """An edit is saved."""
        self._number += 1
        _say(f"\n{self._number}/{len(self._edits)}  {edit.name}")

    def said(self, line: str) -> None:
        """A line of it."""
        text = f"     {shown(line)}"
        _say(text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…")

    def finished(self, result: EditResult) -> None:
        """What came of the edit."""
        _say(f"     {result.outcome} after {result.ms:.0f} ms; {result.requests:,} requests, lost: {result.lost}")

    def end(self, result: LiveResult) -> None:
        """Print the table."""
        from .screen import print_results  # noqa: PLC0415 - only here is rich needed

        _say("")
        print_results(result)
        _say(verdict(result))


class JsonScreen:
    """NDJSON: every edit, a summary."""

    def begin(self, edits: Sequence[Edit], guests: int, counts: Counts) -> None:
        """The guests are there."""
        self._number = 0
        _tell({"type": "begin", "act": 2, "edits": len(edits), "guests": guests})

    def started(self, edit: Edit) -> None:
        """An edit is saved."""
        self._number += 1

    def said(self, line: str) -> None:
        """A line of `reloadls run`."""
        _tell({"type": "said", "act": 2, "line": unicode_path(line)})

    def finished(self, result: EditResult) -> None:
        """One line for each edit."""
        _tell(
            {
                "type": "edit",
                "act": 2,
                "edit": self._number,
                "name": result.name,
                "outcome": result.outcome,
                "right": result.right,
                "requests": result.requests,
                "lost": result.lost,
                "sessionsKept": None if result.sessions is None else round(result.sessions, 1),
                "ms": round(result.ms, 1),
            }
        )

    def end(self, result: LiveResult) -> None:
        """The summary."""
        _tell(
            {
                "type": "summary",
                "act": 2,
                "right": result.right,
                "edits": len(result.edits),
                "requests": result.counts.requests,
                "lost": result.counts.lost,
                "slowestMs": round(result.counts.slowest_ms, 1),
                "seconds": round(result.seconds, 2),
            }
        )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _tell(value: object) -> None:
    sys.stdout.write(json_line(value))
    sys.stdout.flush()
