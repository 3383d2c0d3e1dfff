"""What both acts of the demo have in common: they end on a signal, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Protocol

from reloadls.terminal.endings import FAILED, INTERRUPTED, print_error
from reloadls.terminal.signals import on_ending_signal
from reloadls.terminal.text import shown

__all__ = ["Project", "run_act"]


Play = Callable[[], Coroutine[object, object, int]]


class Project(Protocol):
    """The files that an act is played with."""

    folder: Path
    """Where they are."""

    def build(self) -> None:
        """Write them."""

    def remove(self) -> None:
        """Have them gone."""


def run_act(project: Project, play: Play, *, keep: bool, as_json: bool, what: str, failure: type[Exception]) -> int:
    """Build the project, play the act, and return its exit code, 130 if interrupted, 1 if it failed.

    Args:
        project: removed at the end, unless it is to be kept.
        play: returns the exit code.
        keep: leave the files, and say where.
        as_json: whether the failure is printed as JSON.
        what: what has failed, for the message.
        failure: what `play` raises if what it shows has failed.
    """
    try:
        return asyncio.run(_until_told_to_end(project, play))
    except failure as error:
        print_error(f"{what} failed: {error}", as_json=as_json)
        return FAILED
    finally:
        # Only now has the thread ended that may have been writing there.
        if keep:
            sys.stderr.write(f"Kept: {shown(os.fspath(project.folder))}\n")
        else:
            project.remove()


async def _until_told_to_end(project: Project, play: Play) -> int:
    work = asyncio.create_task(_work(project, play))
    with on_ending_signal(work.cancel):
        try:
            return await work
        except asyncio.CancelledError:
            return INTERRUPTED


async def _work(project: Project, play: Play) -> int:
    await asyncio.to_thread(project.build)
    return await play()
