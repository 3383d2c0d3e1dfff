"""What an act shows, as plain data, whatever it is shown on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

__all__ = ["Cell", "Column", "Ending", "Line", "Row", "Scene", "Screen", "duration", "yes_or_no"]

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """Some text, and its style on a terminal (https://rich.readthedocs.io/en/stable/style.html)."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Column:
    """A column of the table; the first one holds the names of the steps."""

    name: str
    justify: Literal["left", "center", "right"] = "right"
    width: int = 0
    """At least so many characters."""


@dataclass(frozen=True)
class Scene:
    """How an act begins.

    Attributes:
        title: the command that is shown.
        about: what is going on, in a few words.
        hint: what the figures mean.
        steps: the names of the steps.
        columns: the table's.
        panel: the title of what stands below the table.
        latest: how many lines stand there at most.
        most_lines: how many lines a step prints where there is no terminal; None prints all.
        progress: a line below the table while the act runs; "" shows none.
        json: the first line for programs.
    """

    title: str
    about: str
    hint: str
    steps: tuple[str, ...]
    columns: tuple[Column, ...]
    panel: str
    latest: int
    most_lines: int | None = None
    progress: Callable[[], str] = field(default=lambda: "")
    json: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """Something that happened during a step."""

    spans: tuple[Cell, ...]
    json: Json

    @property
    def text(self) -> str:
        """The line without styles."""
        return "".join(span.text for span in self.spans)


@dataclass(frozen=True)
class Row:
    """What came of a step.

    Attributes:
        name: the step's.
        cells: those after the name.
        right: whether it is as it should be.
        plain: the lines where there is no terminal.
        faults: what is shown of it below the finished table.
        json: the line for programs.
    """

    name: str
    cells: tuple[Cell, ...]
    right: bool
    plain: tuple[str, ...]
    json: Json
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ending:
    """What the whole act came to: a sentence, and if all was right, what a user may try (what for, command)."""

    verdict: str
    right: bool
    then: tuple[str, str]
    json: Json


class Screen(Protocol):
    """Shows an act as it goes."""

    def begin(self, scene: Scene) -> None:
        """All is ready."""

    def started(self, name: str) -> None:
        """A step begins."""

    def said(self, lines: Sequence[Line]) -> None:
        """Something happened."""

    def finished(self, row: Row) -> None:
        """A step is done."""

    def end(self, ending: Ending) -> None:
        """All steps are done."""

    def close(self) -> None:
        """Give back what is shown on, however the act ended."""


def duration(ms: float | None) -> str:
    """Milliseconds as text; "" if there are none."""
    if ms is None:
        return ""
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def yes_or_no(right: bool) -> Cell:
    """A mark."""
    return Cell("✓", "bold green") if right else Cell("NO", "bold red")
