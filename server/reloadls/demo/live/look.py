"""How the second act looks: what `reloadls run` says, and what came of each edit."""

from __future__ import annotations

from collections.abc import Sequence

from reloadls.demo.frame import Cell, Column, Ending, Line, Row, Scene, Screen, duration
from reloadls.terminal.text import unicode_path

from .load import Counts
from .project import Edit
from .run import EditResult, LiveResult, verdict

__all__ = ["LiveLook"]

_COLOURS = {"live": "green", "rolled back": "yellow", "restarted": "cyan"}
_COLUMNS = (
    Column("Edit"),
    Column("Outcome", "left", 11),
    Column("Requests"),
    Column("Lost"),
    Column("Sessions"),
    Column("After", width=7),
)


class LiveLook:
    """Shows the act on a screen. See `LiveScreen`."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def begin(self, edits: Sequence[Edit], guests: int, counts: Counts) -> None:
        """The application is up, the guests are there; `counts` goes on while they ask."""
        scene = Scene(
            title="reloadls run",
            about=f"a FastAPI application, {guests} guests that ask without a pause",
            hint="After: from the save to the first answer that shows it",
            steps=tuple(edit.name for edit in edits),
            columns=_COLUMNS,
            panel="what it says",
            latest=4,
            progress=lambda: f"{counts.requests:,} requests, lost: {counts.lost}",
            json={"act": 2, "edits": len(edits), "guests": guests},
        )
        self._screen.begin(scene)

    def started(self, edit: Edit) -> None:
        """An edit is saved."""
        self._screen.started(edit.name)

    def said(self, line: str) -> None:
        """`reloadls run` says something."""
        self._screen.said([Line((Cell(line),), {"type": "said", "act": 2, "line": unicode_path(line)})])

    def finished(self, result: EditResult) -> None:
        """It is clear what came of the edit."""
        self._screen.finished(_row(result))

    def end(self, result: LiveResult) -> None:
        """All edits are made."""
        counts = {"requests": result.counts.requests, "lost": result.counts.lost}
        times = {"slowestMs": round(result.counts.slowest_ms, 1), "seconds": round(result.seconds, 2)}
        json = {"act": 2, "right": result.right, "edits": len(result.edits), **counts, **times}
        then = ("Run a program of your own", "reloadls run app.py")
        self._screen.end(Ending(verdict(result), result.right, then, json))


def _row(edit: EditResult) -> Row:
    kept = "anew" if edit.sessions is None else "kept" if edit.sessions == 100 else f"{edit.sessions:.0f} %"
    json = {
        "act": 2,
        "outcome": edit.outcome,
        "right": edit.right,
        "requests": edit.requests,
        "lost": edit.lost,
        "sessionsKept": None if edit.sessions is None else round(edit.sessions, 1),
        "ms": round(edit.ms, 1),
    }
    return Row(
        edit.name,
        (
            Cell(edit.outcome, _COLOURS[edit.outcome] if edit.right else "bold red"),
            Cell(f"{edit.requests:,}"),
            Cell(str(edit.lost), "bold red" if edit.lost else ""),
            Cell(kept),
            Cell(duration(edit.ms)),
        ),
        edit.right,
        (f"{edit.outcome} after {duration(edit.ms)}; {edit.requests:,} requests, lost: {edit.lost}",),
        json,
        () if edit.right else (f"{edit.name}: {edit.said}",),
    )
