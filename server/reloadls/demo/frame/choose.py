"""Which screen an act is shown on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console

from .lines import JsonScreen, PlainScreen
from .scene import Screen
from .terminal import TerminalScreen

__all__ = ["choose_screen"]


@contextlib.contextmanager
def choose_screen(*, as_json: bool) -> Iterator[Screen]:
    """The terminal if there is one, else lines; given back at the end."""
    screen: Screen
    if as_json:
        screen = JsonScreen()
    elif Console().is_terminal and not Console().is_dumb_terminal:
        screen = TerminalScreen()
    else:
        screen = PlainScreen()
    try:
        yield screen
    finally:
        screen.close()
