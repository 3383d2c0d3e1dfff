"""`reloadls drain`: a session pool of a running program admits no more sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from reloadls.terminal.endings import FAILED, OK, print_error
from reloadls.terminal.text import json_line, shown

from .arguments import seconds

if TYPE_CHECKING:
    from reloadls.service.targets.draining import DrainedPool

__all__ = ["drain"]


def drain(
    pool: Annotated[str, typer.Argument(metavar="POOL", help="The pool's name, as reloadls status shows it.")],
    *,
    process: Annotated[
        int | None, typer.Option(metavar="PID", help="The program's process, if several have such a pool.")
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", parser=seconds, help="Wait until all sessions have ended; exit 1 if they have not."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the pool as JSON, in the form of reload/status.")] = False,
) -> Callable[[], int]:
    """Have a session pool of a running program admit no more sessions. Those that are live end by themselves.

    Needs no service. A pool that drains can't be opened again; restart the program for that.

    Examples:

    \b
      reloadls drain rooms                  returns once the pool drains
      reloadls drain rooms --wait 300       returns once all its sessions have ended
    """
    return lambda: _run(pool, process, wait, as_json=json)


def _run(pool: str, process: int | None, wait: float | None, *, as_json: bool) -> int:
    # The protocol takes half a second to import.
    import asyncio  # noqa: PLC0415

    from reloadls.service.targets.draining import DrainFailed, drain_pool  # noqa: PLC0415

    try:
        drained = asyncio.run(drain_pool(pool, process, wait))
    except DrainFailed as error:
        print_error(str(error), as_json=as_json)
        return FAILED
    print(json_line(drained.plain()) if as_json else _text(drained), end="", flush=True)
    return FAILED if wait is not None and drained.active else OK


def _text(drained: DrainedPool) -> str:
    where = f"{shown(drained.name)} ({shown(drained.program)}, process {drained.pid})"
    if not drained.active:
        return f"{where}: drained, no sessions are left\n"
    if drained.active == 1:
        return f"{where}: draining, 1 session runs until it ends by itself\n"
    return f"{where}: draining, {drained.active} sessions run until they end by themselves\n"
