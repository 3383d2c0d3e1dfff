"""`reloadls status`: which programs run under reload, and how their last reload went."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from .arguments import existing_path
from .endings import FAILED, OK, tell_error
from .text import json_line, shown, wants_colour, working_folder

__all__ = ["status"]


def status(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH", help="Only programs that reload what is there; all if none.")
    ] = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON list, as reload/status has them.")] = False,
) -> Callable[[], int]:
    """Show the programs that reload themselves, and what became of their last change.

    Each is asked by itself; no service need be running. The exit code is 1 if the last reload of one of them failed.

    Examples:

    \b
      reloadls status
      reloadls status src --json | jq -r '.[] | select(.state == "failed").lastReport.error.message'
    """
    wanted = [existing_path(path) for path in paths or ()]
    return lambda: _run(wanted, as_json=json)


def _run(wanted: list[str], *, as_json: bool) -> int:
    # The protocol costs half a second to import; the other commands need not pay for it.
    from reloadls.service.targets_look import look_at_targets  # noqa: PLC0415
    from reloadls.service.targets_place import Distrusted  # noqa: PLC0415

    from .status_text import program_text  # noqa: PLC0415

    try:
        look = asyncio.run(look_at_targets(wanted))
    except Distrusted as error:
        tell_error(f"running programs can't be asked: {error}", as_json=as_json)
        return FAILED
    for doubt in look.doubts:
        sys.stderr.write(f"reloadls: passed over: {shown(doubt)}\n")
    if as_json:
        from reloadls.protocol import make_converter  # noqa: PLC0415

        sys.stdout.write(json_line(make_converter().unstructure([seen.status for seen in look.seen])))
    elif look.seen:
        sys.stdout.write("\n".join(program_text(seen, working_folder(), colour=wants_colour()) for seen in look.seen))
    else:
        sys.stdout.write(_none(wanted))
    sys.stdout.flush()
    reports = [seen.status.last_report for seen in look.seen]
    return FAILED if any(report is not None and report.status == "failed" for report in reports) else OK


def _none(wanted: list[str]) -> str:
    where = " of these files" if wanted else ""
    return f"No program{where} runs under reload. Start one with: reloadls run SCRIPT\n"
