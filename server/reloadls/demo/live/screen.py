"""The second act on a terminal: the table as it fills, and below it what `reloadls run` says."""

from __future__ import annotations

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

from reloadls.terminal.text import shown

from .load import Counts
from .project import Edit
from .run import EditResult, LiveResult, verdict

__all__ = ["LiveScreen", "print_results", "results"]

_LATEST: Final = 4
_CHROME: Final = 10
_COLOURS: Final = {"live": "green", "rolled back": "yellow", "restarted": "cyan"}


class LiveScreen:
    """Redraws itself while the act runs, and leaves the finished table behind."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self._edits: Sequence[Edit] = ()
        self._results: list[EditResult] = []
        self._latest: deque[str] = deque(maxlen=_LATEST)
        self._counts = Counts()
        self._intro = Text()
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(console=self.console, get_renderable=self._render, refresh_per_second=10, transient=True)

    def begin(self, edits: Sequence[Edit], guests: int, counts: Counts) -> None:
        """The guests are there."""
        self._edits, self._counts = edits, counts
        self._intro = intro(guests)
        self._live.start()

    def started(self, edit: Edit) -> None:
        """An edit is saved."""

    def said(self, line: str) -> None:
        """Remember the latest."""
        self._latest.append(line)

    def finished(self, result: EditResult) -> None:
        """Fill the edit's row."""
        self._results.append(result)

    def end(self, result: LiveResult) -> None:
        """Leave the finished table behind."""
        self._live.stop()
        self.console.print(results(result))

    def close(self) -> None:
        """Give the terminal back, however the act ended."""
        self._live.stop()

    def _render(self) -> RenderableType:
        table = _table()
        for result in self._results:
            table.add_row(*_cells(result))
        for number, edit in enumerate(self._edits[len(self._results) :]):
            mark: RenderableType = self._spinner if number == 0 else ""
            table.add_row(Text(edit.name, style="bold" if number == 0 else "dim"), mark)
        room = max(0, min(_LATEST, self.console.height - len(self._edits) - _CHROME))
        latest = [Text(shown(line), no_wrap=True, overflow="ellipsis") for line in list(self._latest)[-room:]]
        latest += [Text("")] * (room - len(latest))
        said = Panel(Group(*latest), title="what it says", title_align="left", border_style="dim", box=box.ROUNDED)
        counts = Text(f"{self._counts.requests:,} requests, lost: {self._counts.lost}", style="dim")
        return Group(self._intro, table, counts, *([said] if room else []))


def intro(guests: int) -> Text:
    """What is going on, in two lines."""
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append("reloadls run", style="bold cyan")
    text.append(f"  a FastAPI application, {guests} guests that ask without a pause\n")
    text.append("After: from the save to the first answer that shows it", style="dim")
    return text


def print_results(result: LiveResult) -> None:
    """Print the finished table to stdout."""
    Console(highlight=False).print(_filled(result))


def results(result: LiveResult) -> Group:
    """The finished table, and what it comes to."""
    parts: list[RenderableType] = [intro(result.guests), _filled(result)]
    parts += [Text(f"  {shown(edit.name)}: {shown(edit.said)}", style="red") for edit in result.edits if not edit.right]
    parts.append(Text(verdict(result), style="bold green" if result.right else "bold red"))
    if result.right:
        parts.append(Text.assemble(("Run a program of your own: ", "dim"), "reloadls run app.py"))
    return Group(*parts)


def _filled(result: LiveResult) -> Table:
    table = _table()
    for edit in result.edits:
        table.add_row(*_cells(edit))
    return table


def _table() -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("Edit", no_wrap=True, min_width=30, overflow="ellipsis")
    table.add_column("Outcome", no_wrap=True, min_width=11)
    for name in ("Requests", "Lost", "Sessions"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("After", justify="right", no_wrap=True, min_width=7)
    return table


def _cells(edit: EditResult) -> tuple[RenderableType, ...]:
    return (
        Text(edit.name),
        Text(edit.outcome, style=_COLOURS[edit.outcome] if edit.right else "bold red"),
        f"{edit.requests:,}",
        Text(str(edit.lost), style="bold red" if edit.lost else ""),
        "anew" if edit.sessions is None else "kept" if edit.sessions == 100 else f"{edit.sessions:.0f} %",
        f"{edit.ms:.0f} ms" if edit.ms < 1000 else f"{edit.ms / 1000:.1f} s",
    )
