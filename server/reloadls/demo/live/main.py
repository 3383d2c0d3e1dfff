"""The second act as a whole."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import Final

from reloadls.demo.act import run_act
from reloadls.demo.frame import choose_screen
from reloadls.demo.program import ProgramFailed
from reloadls.terminal.endings import FAILED, OK
from reloadls.terminal.text import json_line

from .look import LiveLook
from .project import EDITS, LiveProject
from .run import LiveRun

__all__ = ["run_second_act"]

_NEEDS: Final = ("fastapi", "uvicorn")


def run_second_act(*, as_json: bool, keep: bool) -> int:
    """Run the act and return the exit code: 0 if all was right or can't be shown here, 1 if not, 130 if interrupted."""
    why_not = _why_not()
    if why_not:
        line = {"type": "summary", "act": 2, "skipped": why_not}
        sys.stdout.write(json_line(line) if as_json else f"\n{why_not}\n")
        return OK
    project = LiveProject()

    async def play() -> int:
        with choose_screen(as_json=as_json) as screen:
            result = await LiveRun(project, LiveLook(screen)).run(EDITS)
        return OK if result.right else FAILED

    return run_act(project, play, keep=keep, as_json=as_json, what="the second act", failure=ProgramFailed)


def _why_not() -> str:
    if not hasattr(os, "fork"):
        return "The second act, hot reload under load, needs a system with fork."
    if all(importlib.util.find_spec(name) for name in _NEEDS):
        return ""
    return "Second act, hot reload under load: pip install 'reloadls[demo]', then again."
