"""`reloadls demo`: the service at work, and the proof that what it tells is what is on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

__all__ = ["demo"]


def demo(
    json: Annotated[bool, typer.Option("--json", help="One JSON object per line, a summary last.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the temporary folder.")] = False,
    picture: Annotated[str | None, typer.Option(hidden=True, metavar="F", help="Save the table as SVG.")] = None,
) -> Callable[[], int]:
    """See it at work, in a few seconds.

    Starts the service, changes hundreds of files of a copy of its own source as people, editors and git do, and
    compares after each step what was told with what is on disk. Ends with 0 if all was equal, else with 1.

    Examples:

    \b
      reloadls demo
      reloadls demo --json | tail -1
    """

    def job() -> int:
        from .main import run_demo  # noqa: PLC0415 - only this command needs rich

        return run_demo(as_json=json, keep=keep, picture=picture)

    return job
