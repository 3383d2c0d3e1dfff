"""The demo as a whole: a project, a screen, a run, and whatever happens, nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator

from rich.console import Console

from reloadls.cli.endings import FAILED, INTERRUPTED, OK, tell_error, when_told_to_end
from reloadls.cli.text import shown

from .client import ServiceFailed
from .lines import JsonScreen, PlainScreen
from .project import DemoProject
from .run import DemoRun, DemoScreen
from .screen import LiveScreen, save_picture
from .steps import demo_steps

__all__ = ["run_demo"]


def run_demo(*, as_json: bool, keep: bool, picture: str | None) -> int:
    """Run the demo and return the exit code: 0 if all was equal, 1 if not, 130 if it was interrupted."""
    project = DemoProject()
    try:
        return asyncio.run(_run(project, as_json, picture))
    except ServiceFailed as exc:
        tell_error(f"the service failed: {exc}", as_json=as_json)
        return FAILED
    finally:
        # Only now has the thread ended that may have been writing there.
        if keep:
            sys.stderr.write(f"Kept: {shown(os.fspath(project.folder))}\n")
        else:
            project.remove()


async def _run(project: DemoProject, as_json: bool, picture: str | None) -> int:
    work = asyncio.create_task(_work(project, as_json, picture))
    with when_told_to_end(work.cancel):
        try:
            return await work
        except asyncio.CancelledError:
            return INTERRUPTED


async def _work(project: DemoProject, as_json: bool, picture: str | None) -> int:
    await asyncio.to_thread(project.build)
    with _screen(as_json) as screen:
        result = await DemoRun(project, screen).run(demo_steps(project))
    if picture is not None:
        save_picture(picture, result)
    return OK if result.equal else FAILED


@contextlib.contextmanager
def _screen(as_json: bool) -> Iterator[DemoScreen]:
    if as_json:
        yield JsonScreen()
    elif Console().is_terminal and not Console().is_dumb_terminal:
        screen = LiveScreen()
        try:
            yield screen
        finally:
            screen.close()
    else:
        yield PlainScreen()
