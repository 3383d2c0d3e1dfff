"""`reloadls config status`: which worker runs which version, and why not another."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reloadls.terminal.endings import FAILED, OK
from reloadls.terminal.text import json_line, shown

from .groups import found_groups

if TYPE_CHECKING:
    from reloadls.config.group.folder import GroupFolder

__all__ = ["status"]


def status(
    group: Annotated[str | None, typer.Argument(metavar="[GROUP]", help="Only this group.", show_default=False)] = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON list of groups.")] = False,
) -> Callable[[], int]:
    """Show the groups of workers on this machine: which worker runs which version, who leads, and what was refused.

    The exit code is 1 if a group has problems, or a worker does not run the group's version.

    Examples:

    \b
      reloadls config status
      reloadls config status app --json
    """

    def run() -> int:
        groups = [found for folder in found_groups(group) if (found := _group(folder)) is not None]
        if json:
            sys.stdout.write(json_line(groups))
        elif groups:
            sys.stdout.write("".join(f"{line}\n" for each in groups for line in _lines(each)))
        else:
            sys.stdout.write("No group of workers runs here. Give LiveConfig a group=\n")
        return FAILED if any(_is_wrong(each) for each in groups) else OK

    return run


def _group(folder: GroupFolder) -> dict[str, Any] | None:
    from reloadls.config.group.members import live_members  # noqa: PLC0415 - not for --help
    from reloadls.config.group.state import read_state, stored_versions  # noqa: PLC0415

    state = read_state(folder)
    if state is None:
        return None
    return {
        "group": folder.name,
        "version": state.version,
        "pinned": state.pinned,
        "leader": state.leader,
        "leaderSince": state.since,
        "versions": stored_versions(folder),
        "problems": [{**asdict(problem), "text": str(problem)} for problem in state.problems],
        "members": [asdict(member.state(state.leader)) for member in live_members(folder)],
    }


def _is_wrong(group: dict[str, Any]) -> bool:
    return bool(group["problems"]) or any(member["version"] != group["version"] for member in group["members"])


def _lines(group: dict[str, Any]) -> list[str]:
    pinned = "" if group["pinned"] is None else f", pinned to version {group['pinned']}"
    lines = [f"{shown(group['group'])}  version {group['version']}{pinned}"]
    for member in group["members"]:
        role = ", leads" if member["leader"] else ""
        lines.append(f"  process {member['pid']}: version {member['version']}{role}")
        if member["refused"] > member["version"]:
            lines += [f"    refused version {member['refused']}: {shown(text)}" for text in member["problems"]]
    return lines + [f"  problem: {problem['text']}" for problem in group["problems"]]
