"""The demo as a whole: its acts, one after the other."""

from __future__ import annotations

from reloadls.terminal.endings import FAILED, OK

from .act import run_act
from .client import ServiceFailed
from .frame import choose_screen
from .look import WatchingLook, ending, row, scene
from .project import DemoProject
from .run import DemoResult, DemoRun
from .steps import demo_steps

__all__ = ["run_demo"]


def run_demo(*, as_json: bool, keep: bool, picture: str | None, act: int | None = None) -> int:
    """Run the demo, or one act of it, and return the exit code: 0 if all was right, 1 if not, 130 if interrupted."""
    acts = (1,) if picture is not None else (1, 2, 3) if act is None else (act,)
    for number in acts:
        code = _run_act(number, as_json=as_json, keep=keep, picture=picture)
        if code != OK:
            return code
    return OK


def _run_act(number: int, *, as_json: bool, keep: bool, picture: str | None) -> int:
    if number == 1:
        return _first_act(as_json=as_json, keep=keep, picture=picture)
    # The first act need not wait for the others.
    from .live.main import run_second_act  # noqa: PLC0415
    from .rooms.main import run_third_act  # noqa: PLC0415

    return run_second_act(as_json=as_json, keep=keep) if number == 2 else run_third_act(as_json=as_json, keep=keep)


def _first_act(*, as_json: bool, keep: bool, picture: str | None) -> int:
    project = DemoProject()

    async def play() -> int:
        with choose_screen(as_json=as_json) as screen:
            result = await DemoRun(project, WatchingLook(screen)).run(demo_steps(project))
        if picture is not None:
            _save_picture(picture, result)
        return OK if result.equal else FAILED

    return run_act(project, play, keep=keep, as_json=as_json, what="the service", failure=ServiceFailed)


def _save_picture(path: str, result: DemoResult) -> None:
    from .frame.terminal import save_picture  # noqa: PLC0415 - only here

    begun = scene([step.name for step in result.steps], result.files, result.backend, "")
    save_picture(path, begun, [row(step) for step in result.steps], ending(result))
