"""The third act as a whole."""

from __future__ import annotations

import os
import sys

from reloadls.demo.act import run_act
from reloadls.demo.frame import choose_screen
from reloadls.demo.program import ProgramFailed
from reloadls.terminal.endings import FAILED, OK
from reloadls.terminal.text import json_line

from .look import RoomsLook
from .project import RoomsProject
from .run import RoomsRun

__all__ = ["run_third_act"]


def run_third_act(*, as_json: bool, keep: bool) -> int:
    """Run the act and return the exit code: 0 if all was right or can't be shown here, 1 if not, 130 if interrupted."""
    if os.name == "nt":
        why_not = "The third act, live sessions, needs Unix domain sockets."
        line = {"type": "summary", "act": 3, "skipped": why_not}
        sys.stdout.write(json_line(line) if as_json else f"\n{why_not}\n")
        return OK
    project = RoomsProject()

    async def play() -> int:
        with choose_screen(as_json=as_json) as screen:
            result = await RoomsRun(project, RoomsLook(screen)).run()
        return OK if result.right else FAILED

    return run_act(project, play, keep=keep, as_json=as_json, what="the third act", failure=ProgramFailed)
