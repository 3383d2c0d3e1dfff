"""`reloadls demo`: the service and hot reload at work, and the proof that nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

__all__ = ["demo"]


def demo(
    json: Annotated[bool, typer.Option("--json", help="One JSON object per line, a summary last in each act.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the temporary folder.")] = False,
    act: Annotated[int | None, typer.Option(min=1, max=2, help="Only the first or the second act.")] = None,
    picture: Annotated[str | None, typer.Option(hidden=True, metavar="F", help="Save the table as SVG.")] = None,
) -> Callable[[], int]:
    """See it at work, in a few seconds.

    First act: starts the service, changes hundreds of files of a copy of its own source as people, editors and git do,
    and compares after each step what was told with what is on disk.

    Second act: edits a FastAPI application while guests ask it without a pause; it needs FastAPI and uvicorn, as
    'reloadls[demo]' brings them.

    Ends with 0 if all was equal and no request was lost, else with 1.

    Examples:

    \b
      reloadls demo
      reloadls demo --json | tail -1
    """

    def job() -> int:
        from .main import run_demo  # noqa: PLC0415 - only this command needs rich

        return run_demo(as_json=json, keep=keep, picture=picture, act=act)

    return job
