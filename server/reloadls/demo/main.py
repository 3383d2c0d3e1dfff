"""The demo as a whole: a project, a screen, a run, and whatever happens, nothing is left behind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console

from reloadls.terminal.endings import FAILED, OK

from .act import run_act
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

    async def play() -> int:
        with _screen(as_json) as screen:
            result = await DemoRun(project, screen).run(demo_steps(project))
        if picture is not None:
            save_picture(picture, result)
        return OK if result.equal else FAILED

    return run_act(project, play, keep=keep, as_json=as_json, what="the service", failure=ServiceFailed)


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
