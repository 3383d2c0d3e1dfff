"""An act on a terminal: the table as it fills, and below it what happens."""

from __future__ import annotations

import io
import re
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from reloadls.terminal.text import shown

from .scene import Cell, Column, Ending, Line, Row, Scene

__all__ = ["TerminalScreen", "finished_act", "print_table", "save_picture"]

_CHROME: Final = 10
"""Lines on the screen that are neither steps nor what happens."""
_NAME: Final = 30
"""The width of the column with the names of the steps."""
_SHOWN_FAULTS: Final = 5


class TerminalScreen:
    """Redraws itself while the act runs, and leaves the finished table behind."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self._scene = Scene("", "", "", (), (Column(""),), "", 0)
        self._rows: list[Row] = []
        self._latest: deque[Line] = deque()
        self._count = 0
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(console=self.console, get_renderable=self._render, refresh_per_second=10, transient=True)

    def begin(self, scene: Scene) -> None:
        """All is ready."""
        self._scene = scene
        self._latest = deque(maxlen=scene.latest)
        self._live.start()

    def started(self, name: str) -> None:
        """A step begins."""
        self._count = 0

    def said(self, lines: Sequence[Line]) -> None:
        """Remember the latest."""
        self._latest.extend(lines[-self._scene.latest :])
        self._count += len(lines)

    def finished(self, row: Row) -> None:
        """Fill the step's row."""
        self._rows.append(row)

    def end(self, ending: Ending) -> None:
        """Leave the finished table behind."""
        self._live.stop()
        self.console.print(finished_act(self._scene, self._rows, ending))

    def close(self) -> None:
        """Give the terminal back, however the act ended."""
        self._live.stop()

    def _render(self) -> RenderableType:
        scene = self._scene
        table = _table(scene, self._rows)
        for number, name in enumerate(scene.steps[len(self._rows) :]):
            table.add_row(Text(name, style="bold" if number == 0 else "dim"), *self._pending(first=number == 0))
        progress = scene.progress()
        parts: list[RenderableType] = [_intro(scene), table]
        if progress:
            parts.append(Text(progress, style="dim", no_wrap=True, overflow="ellipsis"))
        room = max(0, min(scene.latest, self.console.height - len(scene.steps) - _CHROME))
        if room:
            parts.append(self._panel(room))
        return Group(*parts)

    def _pending(self, *, first: bool) -> list[RenderableType]:
        """The cells of a step that is not done: of the first one, how much has happened, or that it goes on."""
        if not first:
            return []
        if self._scene.most_lines is None or not self._count:
            return [self._spinner]
        return [f"{self._count:,}", self._spinner]

    def _panel(self, room: int) -> Panel:
        newest = list(self._latest)[-room:]
        lines = [_text(line.spans) for line in newest] + [Text("")] * (room - len(newest))
        return Panel(Group(*lines), title=self._scene.panel, title_align="left", border_style="dim", box=box.ROUNDED)


def print_table(scene: Scene, rows: Iterable[Row]) -> None:
    """Print the finished table to stdout."""
    Console(highlight=False).print(_table(scene, rows))


def save_picture(path: str, scene: Scene, rows: Sequence[Row], ending: Ending) -> None:
    """Save the finished act as an SVG."""
    console = Console(record=True, width=84, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(finished_act(scene, rows, ending))
    # Nothing is fetched from elsewhere for a picture: the reader's own monospaced font will do.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title="reloadls demo"), flags=re.DOTALL)
    with open(path, "w", encoding="utf-8") as file:
        file.write(svg)


def finished_act(scene: Scene, rows: Sequence[Row], ending: Ending) -> Group:
    """The finished table, and what it comes to."""
    parts: list[RenderableType] = [_intro(scene), _table(scene, rows)]
    parts += [Text(f"  {shown(text)}", style="red") for row in rows for text in row.faults[:_SHOWN_FAULTS]]
    parts.append(Text(ending.verdict, style="bold green" if ending.right else "bold red"))
    if ending.right:
        what, command = ending.then
        parts.append(Text.assemble((f"{what}: ", "dim"), command))
    return Group(*parts)


def _intro(scene: Scene) -> Text:
    """What is going on, in two lines."""
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(scene.title, style="bold cyan")
    text.append(f"  {scene.about}\n")
    text.append(scene.hint, style="dim")
    return text


def _table(scene: Scene, rows: Iterable[Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    first, *others = scene.columns
    table.add_column(first.name, no_wrap=True, min_width=_NAME, overflow="ellipsis")
    for column in others:
        width = column.width or None
        table.add_column(column.name, justify=column.justify, no_wrap=True, min_width=width)
    for row in rows:
        table.add_row(Text(row.name), *(Text(cell.text, style=cell.style) for cell in row.cells))
    return table


def _text(spans: Iterable[Cell]) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for span in spans:
        text.append(shown(span.text), style=span.style)
    return text
