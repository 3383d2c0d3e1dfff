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


def run_demo(*, as_json: bool, keep: bool, picture: str | None, act: int | None = None) -> int:
    """Run the demo, or one act of it, and return the exit code: 0 if all was right, 1 if not, 130 if interrupted."""
    if act == 2:
        return _second_act(as_json=as_json, keep=keep)
    code = _first_act(as_json=as_json, keep=keep, picture=picture)
    return _second_act(as_json=as_json, keep=keep) if code == OK and act is None and picture is None else code


def _second_act(*, as_json: bool, keep: bool) -> int:
    from .live.main import run_second_act  # noqa: PLC0415 - the first act need not wait for it

    return run_second_act(as_json=as_json, keep=keep)


def _first_act(*, as_json: bool, keep: bool, picture: str | None) -> int:
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
