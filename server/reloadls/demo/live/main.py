"""The second act as a whole; whatever happens, nothing is left behind."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterator

from rich.console import Console

from reloadls.demo.act import run_act
from reloadls.terminal.endings import FAILED, OK
from reloadls.terminal.text import json_line

from .lines import JsonScreen, PlainScreen
from .project import EDITS, LiveProject
from .run import LiveRun, LiveScreen
from .screen import LiveScreen as TerminalScreen
from .server import ServerFailed

__all__ = ["run_second_act"]

_NEEDS = ("fastapi", "uvicorn")


def run_second_act(*, as_json: bool, keep: bool) -> int:
    """Run the act and return the exit code: 0 if all was right or can't be shown here, 1 if not, 130 if interrupted."""
    why_not = _why_not()
    if why_not:
        line = {"type": "summary", "act": 2, "skipped": why_not}
        sys.stdout.write(json_line(line) if as_json else f"\n{why_not}\n")
        return OK
    project = LiveProject()

    async def play() -> int:
        with _screen(as_json=as_json) as screen:
            result = await LiveRun(project, screen).run(EDITS)
        return OK if result.right else FAILED

    return run_act(project, play, keep=keep, as_json=as_json, what="the second act", failure=ServerFailed)


def _why_not() -> str:
    if not hasattr(os, "fork"):
        return "The second act, hot reload under load, needs a system with fork."
    if all(importlib.util.find_spec(name) for name in _NEEDS):
        return ""
    return "Second act, hot reload under load: pip install 'reloadls[demo]', then again."


@contextlib.contextmanager
def _screen(*, as_json: bool) -> Iterator[LiveScreen]:
    if as_json:
        yield JsonScreen()
    elif Console().is_terminal and not Console().is_dumb_terminal:
        screen = TerminalScreen()
        try:
            yield screen
        finally:
            screen.close()
    else:
        yield PlainScreen()
