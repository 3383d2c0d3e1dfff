"""How the third act looks: what `reloadls run` says, and how many sessions each edit has reached."""

from __future__ import annotations

from collections.abc import Sequence

from reloadls.demo.frame import Cell, Column, Ending, Line, Row, Scene, Screen, duration
from reloadls.terminal.text import unicode_path

from .guests import Counts
from .project import GUESTS
from .run import RoomsResult, StepResult, verdict

__all__ = ["RoomsLook"]

_COLOURS = {"live": "green", "rolled back": "yellow", "alone": "yellow", "drained": "cyan"}
_COLUMNS = (
    Column("Edit"),
    Column("Outcome", "left", 11),
    Column("Answers"),
    Column("Lost"),
    Column("Sessions"),
    Column("After", width=7),
)


class RoomsLook:
    """Shows the act on a screen. See `RoomsScreen`."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def begin(self, steps: Sequence[str], counts: Counts) -> None:
        """All guests talk; `counts` goes on while they do."""
        scene = Scene(
            title="reloadls.pool",
            about=f"{GUESTS} live sessions in one process, each with a guest that keeps asking",
            hint="After: from the save until every session answers with it",
            steps=tuple(steps),
            columns=_COLUMNS,
            panel="what it says",
            latest=4,
            progress=lambda: f"{counts.answers:,} answers, lost: {counts.lost}",
            json={"act": 3, "steps": len(steps), "sessions": GUESTS},
        )
        self._screen.begin(scene)

    def started(self, name: str) -> None:
        """A step begins."""
        self._screen.started(name)

    def said(self, line: str) -> None:
        """`reloadls run` says something."""
        self._screen.said([Line((Cell(line),), {"type": "said", "act": 3, "line": unicode_path(line)})])

    def finished(self, result: StepResult) -> None:
        """It is clear what came of the step."""
        self._screen.finished(_row(result))

    def end(self, result: RoomsResult) -> None:
        """All steps are done."""
        counts = {"answers": result.counts.answers, "lost": result.counts.lost}
        json = {"act": 3, "right": result.right, "steps": len(result.steps), **counts}
        then = ("Host sessions of your own", "https://reloadls.github.io/reloadls/pool/")
        ending = Ending(verdict(result), result.right, then, {**json, "seconds": round(result.seconds, 2)})
        self._screen.end(ending)


def _row(step: StepResult) -> Row:
    json = {
        "act": 3,
        "outcome": step.outcome,
        "right": step.right,
        "answers": step.answers,
        "lost": step.lost,
        "sessions": step.sessions,
        "ms": round(step.ms, 1),
    }
    sessions = f"{step.sessions} of {GUESTS}"
    came = f"{step.outcome} after {duration(step.ms)} in {sessions} sessions"
    return Row(
        step.name,
        (
            Cell(step.outcome, _COLOURS[step.outcome] if step.right and step.outcome in _COLOURS else "bold red"),
            Cell(f"{step.answers:,}"),
            Cell(str(step.lost), "bold red" if step.lost else ""),
            Cell(sessions),
            Cell(duration(step.ms)),
        ),
        step.right,
        (f"{came}; {step.answers:,} answers, lost: {step.lost}",),
        json,
        () if step.right else (f"{step.name}: {step.said}",),
    )
