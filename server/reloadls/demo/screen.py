"""The demo on a terminal: the table as it fills, and below it what arrives."""

from __future__ import annotations

import io
import re
from collections import deque
from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from reloadls.terminal.text import relative, shown
from reloadls.terminal.watch_lines import backend_text

from .account import Arrival
from .run import DEBOUNCE_MS, DemoResult, StepResult, verdict
from .steps import Step

__all__ = ["LiveScreen", "print_results", "save_picture"]

_COLOURS: Final = {"created": "green", "modified": "yellow", "deleted": "red"}
_LATEST: Final = 6
_CHROME: Final = 10
"""Lines on the screen that are neither steps nor arrivals."""
_SHOWN_DIFFERENCES: Final = 5


class LiveScreen:
    """Redraws itself while the demo runs, and leaves the finished table behind."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self._steps: Sequence[Step] = ()
        self._results: list[StepResult] = []
        self._latest: deque[tuple[Arrival, float]] = deque(maxlen=_LATEST)
        self._count = 0
        self._spinner = Spinner("dots", style="cyan")
        self._intro = Text()
        self._folder = ""
        self._live = Live(console=self.console, get_renderable=self._render, refresh_per_second=10, transient=True)

    def begin(self, steps: Sequence[Step], files: int, backend: str, folder: str) -> None:
        """Watching has begun."""
        self._steps, self._folder = steps, folder
        self._intro = _intro(files, backend)
        self._live.start()

    def started(self, step: Step) -> None:
        """A step begins."""
        self._count = 0

    def arrived(self, arrivals: Sequence[tuple[Arrival, float]]) -> None:
        """Remember the latest."""
        self._latest.extend(arrivals[-_LATEST:])
        self._count += len(arrivals)

    def finished(self, result: StepResult) -> None:
        """Fill the step's row."""
        self._results.append(result)

    def end(self, result: DemoResult) -> None:
        """Leave the finished table behind."""
        self._live.stop()
        self.console.print(_finished(result))

    def close(self) -> None:
        """Give the terminal back, however the demo ended."""
        self._live.stop()

    def _render(self) -> RenderableType:
        table = _table()
        for result in self._results:
            table.add_row(*_cells(result))
        running = self._steps[len(self._results) :]
        for number, step in enumerate(running):
            count = f"{self._count:,}" if number == 0 and self._count else ""
            mark: RenderableType = self._spinner if number == 0 else ""
            table.add_row(Text(step.name, style="bold" if number == 0 else "dim"), count, "", "", mark)
        room = max(0, min(_LATEST, self.console.height - len(self._steps) - _CHROME))
        newest = list(self._latest)[len(self._latest) - room :] if room < len(self._latest) else list(self._latest)
        latest = [_arrival(arrival, latency, self._folder) for arrival, latency in newest]
        latest += [Text("")] * (room - len(latest))
        panel = Panel(Group(*latest), title="what arrives", title_align="left", border_style="dim", box=box.ROUNDED)
        return Group(self._intro, table, *([panel] if room else []))


def _intro(files: int, backend: str) -> Text:
    """What is going on, in two lines."""
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append("reloadls demo", style="bold cyan")
    text.append(f"  the service watches 2 folders, {files} files, {backend_text(backend)}\n")
    text.append(
        f"First, Last: from the write to its arrival here, {DEBOUNCE_MS} ms of quiet time included", style="dim"
    )
    return text


def print_results(result: DemoResult) -> None:
    """Print the finished table to stdout."""
    Console(highlight=False).print(_results_table(result))


def save_picture(path: str, result: DemoResult) -> None:
    """Save the finished table as an SVG."""
    console = Console(record=True, width=84, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(_finished(result))
    # Nothing is fetched from elsewhere for a picture: the reader's own monospaced font will do.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title="reloadls demo"), flags=re.DOTALL)
    with open(path, "w", encoding="utf-8") as file:
        file.write(svg)


def _finished(result: DemoResult) -> Group:
    parts: list[RenderableType] = [_intro(result.files, result.backend), _results_table(result)]
    for step in result.steps:
        parts += [Text(f"  {shown(text)}", style="red") for text in step.differences[:_SHOWN_DIFFERENCES]]
    parts.append(Text(verdict(result), style="bold green" if result.equal else "bold red"))
    if result.equal:
        parts.append(Text.assemble(("Watch a folder of your own: ", "dim"), "reloadls watch"))
    return Group(*parts)


def _results_table(result: DemoResult) -> Table:
    table = _table()
    for step in result.steps:
        table.add_row(*_cells(step))
    return table


def _table() -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("Step", no_wrap=True, min_width=29, overflow="ellipsis")
    for name in ("Changes", "Reported", "On disk"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Equal", justify="center", no_wrap=True)
    for name in ("First", "Last"):
        table.add_column(name, justify="right", no_wrap=True, min_width=7)
    return table


def _cells(step: StepResult) -> tuple[RenderableType, ...]:
    return (
        Text(step.name),
        f"{step.changes:,}",
        f"{step.reported:,}",
        f"{step.on_disk:,}",
        Text("✓", style="bold green") if step.equal else Text("NO", style="bold red"),
        _ms(step.first_ms),
        _ms(step.last_ms),
    )


def _ms(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def _arrival(arrival: Arrival, latency: float, folder: str) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f"{latency:6.0f} ms  ", style="dim")
    text.append(f"{arrival.type:8}", style=_COLOURS.get(arrival.type, ""))
    text.append(f"  {shown(relative(arrival.path, folder))}")
    return text
