"""`reloadls status`: which programs run under reloadls, and the result of their last reload."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from reloadls.cli.arguments import existing_path
from reloadls.terminal.endings import FAILED, OK, print_error
from reloadls.terminal.text import json_line, shown, wants_colour, working_folder

if TYPE_CHECKING:
    from reloadls.protocol import TargetStatus

__all__ = ["status"]


def status(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH...]", parser=existing_path, help="Only programs that reload these paths."),
    ] = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON list, in the form of reload/status.")] = False,
) -> Callable[[], int]:
    """Show the programs that run under reloadls, the result of their last change, and what they host.

    Session pools are listed with their sessions: id, age and state. Each program is asked directly; no service is
    needed. The exit code is 1 if the last reload of one of them failed, or a configuration could not be used.

    Examples:

    \b
      reloadls status
      reloadls status src --json | jq -r '.[] | select(.state == "failed").lastReport.error.message'
    """
    return lambda: _run(paths or [], as_json=json)


def _run(wanted: list[str], *, as_json: bool) -> int:
    # The protocol takes half a second to import; no other command needs it.
    import asyncio  # noqa: PLC0415

    from reloadls.service.targets.advert import Untrusted  # noqa: PLC0415
    from reloadls.service.targets.query import query_targets  # noqa: PLC0415

    from .text import program_text  # noqa: PLC0415

    try:
        result = asyncio.run(query_targets(wanted))
    except Untrusted as error:
        print_error(f"can't ask running programs: {error}", as_json=as_json)
        return FAILED
    for problem in result.problems:
        sys.stderr.write(f"reloadls: ignoring: {shown(problem)}\n")
    if as_json:
        from reloadls.protocol import make_converter  # noqa: PLC0415

        sys.stdout.write(json_line(make_converter().unstructure([target.status for target in result.targets])))
    elif result.targets:
        sys.stdout.write(
            "\n".join(program_text(target, working_folder(), colour=wants_colour()) for target in result.targets)
        )
    else:
        sys.stdout.write(_none(wanted))
    sys.stdout.flush()
    return FAILED if any(_has_failed(target.status) for target in result.targets) else OK


def _has_failed(status: TargetStatus) -> bool:
    has_problems = any(each.problems for each in status.configurations)
    return has_problems or (status.last_report is not None and status.last_report.status == "failed")


def _none(wanted: list[str]) -> str:
    where = " of these files" if wanted else ""
    return f"No program{where} runs under reloadls. Start one with: reloadls run SCRIPT\n"
