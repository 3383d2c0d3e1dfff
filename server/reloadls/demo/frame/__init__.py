"""What the acts of the demo are shown in: on a terminal, as lines for people, or as JSON lines."""

from __future__ import annotations

from .choose import choose_screen
from .lines import JsonScreen, PlainScreen
from .scene import Cell, Column, Ending, Line, Row, Scene, Screen, duration, yes_or_no

__all__ = [
    "Cell",
    "Column",
    "Ending",
    "JsonScreen",
    "Line",
    "PlainScreen",
    "Row",
    "Scene",
    "Screen",
    "choose_screen",
    "duration",
    "yes_or_no",
]
