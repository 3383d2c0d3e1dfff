"""`reloadls demo`: show the service and hot reload, and check that no change is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

__all__ = ["demo"]


def demo(
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line, and a summary per act.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the temporary folder.")] = False,
    act: Annotated[int | None, typer.Option(min=1, max=3, help="Run only this act.")] = None,
    picture: Annotated[str | None, typer.Option(hidden=True, metavar="F", help="Save the table as SVG.")] = None,
) -> Callable[[], int]:
    """Watch it work, in a few seconds.

    First act: starts the service, changes hundreds of files of a copy of its own source as people, editors and git do,
    and compares the reports with the disk after each step.

    Second act: edits a FastAPI application under constant load; it needs FastAPI and uvicorn, which 'reloadls[demo]'
    installs.

    Third act: edits a program with 200 live sessions while all of them talk; one is pinned, one crashes, and at the end
    the pool drains.

    Exits with 0 if all was equal and nothing was lost, else with 1.

    Examples:

    \b
      reloadls demo
      reloadls demo --json | tail -1
    """

    def job() -> int:
        from reloadls.demo.main import run_demo  # noqa: PLC0415 - only this command needs rich

        return run_demo(as_json=json, keep=keep, picture=picture, act=act)

    return job
