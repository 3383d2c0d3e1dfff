"""The most important figures as one picture: a row of bars for each watcher, a column for each figure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from tests.benchmarks.report import totals

__all__ = ["chart"]

Entry = dict[str, Any]

LEFT, WIDTH, GAP, TOP, ROW, BAR = 212, 168, 22, 86, 25, 13
"""Of the names, of a column, between columns; above the rows; of a row and its bar."""
ROOM = 52
"""Within a column, for the number behind the longest bar."""


@dataclass(frozen=True)
class Column:
    """One figure.

    Attributes:
        title: what it is.
        unit: of what, and on which scale.
        value: the figure of one watcher, None if there is none, infinite if it never comes; less is better.
        show: how the number is written.
        least: where the logarithmic scale begins at the latest; what is less has no bar.
    """

    title: str
    unit: str
    value: Callable[[Entry], float | None]
    show: Callable[[float], str]
    least: float


def _figure(entry: Entry, measure: str, *names: str) -> float | None:
    found: Any = entry.get(measure)
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return None if found is None else float(found)


def _lost(entry: Entry) -> float | None:
    found = totals(entry)
    return None if found is None else float(sum(found))


def _storm_cpu(entry: Entry) -> float | None:
    parts = [_figure(entry, "storm", kind, "cpu_ms") for kind in ("create", "modify", "delete")]
    return None if None in parts else sum(part for part in parts if part is not None)


def _start(entry: Entry) -> float | None:
    figures = entry.get("start", {})
    return math.inf if figures.get("works") is False else _figure(entry, "start", "ms")


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _fine(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


COLUMNS = (
    Column("Lost or invented", "files, cases and storms (log)", _lost, _count, 0.5),
    Column("Save, median", "ms (log)", lambda entry: _figure(entry, "save", "p50_ms"), _fine, 0.05),
    Column("Three storms, CPU", "ms (log)", _storm_cpu, _count, 100),
    Column("Start, large tree", "ms (log)", _start, _count, 100),
    Column("Idle", "wake-ups a second (log)", lambda entry: _figure(entry, "idle", "wakeups_per_s"), _fine, 0.05),
)

STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #24292f }
.title { font-size: 16px; font-weight: 600 } .head, .ours { font-weight: 600 } .quiet { fill: #57606a; font-size: 11px }
.bar { fill: #afb8c1 } .bar.ours { fill: #0969da } .track { stroke: #d0d7de } .band { fill: #0969da; opacity: .07 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .quiet { fill: #8d96a0 } .bar { fill: #545d68 } .bar.ours { fill: #4493f8 }
  .track { stroke: #3d444d } .band { fill: #4493f8; opacity: .1 }
}
"""


def chart(figures: dict[str, Any]) -> str:
    """An SVG that reads well on light and on dark ground."""
    entries = figures["peers"]
    about = figures["surroundings"]
    width = LEFT + len(COLUMNS) * (WIDTH + GAP)
    height = TOP + ROW * len(entries) + 14
    said = (
        f"Less is better everywhere. {about['system']}, {about['cores']} cores, {about['file_system']}, {about['date']}"
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' role="img">',
        "<title>reloadls beside other file watchers</title>",
        f"<style>{STYLE}</style>",
        _text(10, 24, "reloadls beside other file watchers", "title"),
        _text(10, 42, said, "quiet"),
    ]
    parts += [_row(entry, TOP + ROW * number, width) for number, entry in enumerate(entries)]
    for number, column in enumerate(COLUMNS):
        parts.append(_column(column, entries, LEFT + number * (WIDTH + GAP)))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _row(entry: Entry, top: int, width: int) -> str:
    band = f'<rect class="band" x="0" y="{top}" width="{width}" height="{ROW}"/>' if entry["ours"] else ""
    return band + _text(10, top + 17, entry["label"], "ours" if entry["ours"] else "")


def _column(column: Column, entries: list[Entry], left: int) -> str:
    values = [column.value(entry) for entry in entries]
    most = max([value for value in values if value is not None and value != math.inf], default=1.0)
    least = min([column.least, *(value / 2 for value in values if value)])
    bottom = TOP + ROW * len(entries)
    parts = [
        _text(left, TOP - 22, column.title, "head"),
        _text(left, TOP - 7, column.unit, "quiet"),
        f'<line class="track" x1="{left}" y1="{TOP}" x2="{left}" y2="{bottom}"/>',
    ]
    for number, (entry, value) in enumerate(zip(entries, values, strict=True)):
        top = TOP + ROW * number
        if value is None:
            parts.append(_text(left + 6, top + 17, "missing" if "missing" in entry else "-", "quiet"))
        else:
            length = _length(min(value, most), least, most)
            ours = " ours" if entry["ours"] else ""
            parts.append(
                f'<rect class="bar{ours}" x="{left}" y="{top + (ROW - BAR) // 2}" width="{length:.1f}"'
                f' height="{BAR}" rx="2"/>'
            )
            parts.append(
                _text(left + length + 6, top + 17, "never" if value == math.inf else column.show(value), ours.strip())
            )
    return "\n".join(parts)


def _length(value: float, least: float, most: float) -> float:
    """The bar's length on the logarithmic scale."""
    if value <= least:
        return 0.0
    return (WIDTH - ROOM) * math.log(value / least) / math.log(max(most, least * 10) / least)


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    mark = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y}"{mark}>{escape(text)}</text>'
