"""An act without a terminal: plain lines for people, or JSON lines for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from reloadls.terminal.text import json_line, shown

from .scene import Ending, Line, Row, Scene

__all__ = ["JsonScreen", "PlainScreen"]

_WIDTH: Final = 80


class PlainScreen:
    """What happened, step by step, then the table."""

    def begin(self, scene: Scene) -> None:
        """All is ready."""
        self._scene, self._rows, self._printed = scene, list[Row](), 0
        _say(f"\n{scene.title}: {scene.about}")
        _say(scene.hint)

    def started(self, name: str) -> None:
        """A step begins."""
        self._printed = 0
        _say(f"\n{len(self._rows) + 1}/{len(self._scene.steps)}  {name}")

    def said(self, lines: Sequence[Line]) -> None:
        """Print the first few."""
        most = self._scene.most_lines
        room = len(lines) if most is None else max(0, most - self._printed)
        for line in lines[:room]:
            text = f"     {shown(line.text)}"
            _say(text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…")
        self._printed += len(lines)

    def finished(self, row: Row) -> None:
        """Say how many more there were, and what came of it."""
        self._rows.append(row)
        most = self._scene.most_lines
        if most is not None and self._printed > most:
            _say(f"     … and {self._printed - most:,} more")
        for text in (*row.plain, *row.faults):
            _say(f"     {shown(text)}")

    def end(self, ending: Ending) -> None:
        """Print the table."""
        from .terminal import print_table  # noqa: PLC0415 - only here is rich needed

        _say("")
        print_table(self._scene, self._rows)
        _say(ending.verdict)

    def close(self) -> None:
        """Nothing is to be given back."""


class JsonScreen:
    """NDJSON: a line for the begin, for each thing that happens, each step, and a summary."""

    def begin(self, scene: Scene) -> None:
        """All is ready."""
        self._number = 0
        _tell({"type": "begin", **scene.json})

    def started(self, name: str) -> None:
        """A step begins."""
        self._number += 1

    def said(self, lines: Sequence[Line]) -> None:
        """A line for each."""
        sys.stdout.write("".join(json_line({**line.json, "step": self._number}) for line in lines))
        sys.stdout.flush()

    def finished(self, row: Row) -> None:
        """A line for each step."""
        _tell({"type": "step", **row.json, "step": self._number, "name": row.name})

    def end(self, ending: Ending) -> None:
        """The summary."""
        _tell({"type": "summary", **ending.json})

    def close(self) -> None:
        """Nothing is to be given back."""


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _tell(value: object) -> None:
    sys.stdout.write(json_line(value))
    sys.stdout.flush()
