"""How the first act looks: changes as they arrive, and the comparison after each step."""

from __future__ import annotations

from collections.abc import Sequence

from reloadls.terminal.text import relative, unicode_path
from reloadls.terminal.watch_lines import backend_text
from reloadls.wire.uris import to_uri

from .account import Arrival
from .frame import Cell, Column, Ending, Line, Row, Scene, Screen, duration, yes_or_no
from .run import DEBOUNCE_MS, DemoResult, StepResult, verdict
from .steps import Step

__all__ = ["WatchingLook", "ending", "row", "scene"]

_COLOURS = {"created": "green", "modified": "yellow", "deleted": "red"}
_COLUMNS = (
    Column("Step"),
    Column("Changes"),
    Column("Reported"),
    Column("On disk"),
    Column("Equal", "center"),
    Column("First", width=7),
    Column("Last", width=7),
)


class WatchingLook:
    """Shows the act on a screen. See `DemoScreen`."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._folder = ""

    def begin(self, steps: Sequence[Step], files: int, backend: str, folder: str) -> None:
        """Watching has begun."""
        self._folder = folder
        self._screen.begin(scene([step.name for step in steps], files, backend, folder))

    def started(self, step: Step) -> None:
        """A step begins."""
        self._screen.started(step.name)

    def arrived(self, arrivals: Sequence[tuple[Arrival, float]]) -> None:
        """Changes came, each with its latency in milliseconds."""
        self._screen.said([self._line(arrival, latency) for arrival, latency in arrivals])

    def finished(self, result: StepResult) -> None:
        """A step is done and compared."""
        self._screen.finished(row(result))

    def end(self, result: DemoResult) -> None:
        """All steps are done."""
        self._screen.end(ending(result))

    def _line(self, arrival: Arrival, latency: float) -> Line:
        path = unicode_path(arrival.path)
        json = {"type": arrival.type, "path": path, "uri": to_uri(arrival.path), "latencyMs": round(latency, 1)}
        kind = Cell(f"{arrival.type:8}", _COLOURS.get(arrival.type, ""))
        name = Cell(f"  {relative(arrival.path, self._folder)}")
        return Line((Cell(f"{latency:6.0f} ms  ", "dim"), kind, name), json)


def scene(steps: Sequence[str], files: int, backend: str, folder: str) -> Scene:
    """How the act begins."""
    json = {"steps": len(steps), "files": files, "backend": backend, "folder": unicode_path(folder)}
    return Scene(
        title="reloadls demo",
        about=f"the service watches 2 folders, {files} files, {backend_text(backend)}",
        hint=f"First, Last: from the write to its arrival here, {DEBOUNCE_MS} ms of quiet time included",
        steps=tuple(steps),
        columns=_COLUMNS,
        panel="what arrives",
        latest=6,
        most_lines=6,
        json=json,
    )


def row(result: StepResult) -> Row:
    """What came of a step."""
    counts = {"changes": result.changes, "reported": result.reported, "onDisk": result.on_disk, "equal": result.equal}
    times = {"firstMs": _rounded(result.first_ms), "lastMs": _rounded(result.last_ms)}
    differences = {} if result.equal else {"differences": [unicode_path(text) for text in result.differences]}
    equal = "equal" if result.equal else "NOT EQUAL"
    return Row(
        result.name,
        (
            Cell(f"{result.changes:,}"),
            Cell(f"{result.reported:,}"),
            Cell(f"{result.on_disk:,}"),
            yes_or_no(result.equal),
            Cell(duration(result.first_ms)),
            Cell(duration(result.last_ms)),
        ),
        result.equal,
        (f"reported {result.reported:,} files, on disk {result.on_disk:,}: {equal}",),
        {**counts, **times, **differences},
        result.differences[:5],
    )


def ending(result: DemoResult) -> Ending:
    """What the act came to."""
    counts = {"equal": result.equal, "steps": len(result.steps), "changes": result.changes}
    then = ("Watch a folder of your own", "reloadls watch")
    return Ending(verdict(result), result.equal, then, {**counts, "seconds": round(result.seconds, 2)})


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)
