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
from .remote import Key, Url, with_store

if TYPE_CHECKING:
    from reloadls.config.group.folder import GroupFolder
    from reloadls.config.redis.store import Machine, RedisStore

__all__ = ["status"]


def status(
    group: Annotated[str | None, typer.Argument(metavar="[GROUP]", help="Only this group.", show_default=False)] = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON list of groups.")] = False,
    redis: Url = None,
    key: Key = None,
) -> Callable[[], int]:
    """Show the groups of workers on this machine: which worker runs which version, who leads, and what was refused.

    With --redis and --key: the machines that follow it, and their workers. The exit code is 1 if a group has problems,
    or a worker or machine does not run the current version.

    Examples:

    \b
      reloadls config status
      reloadls config status app --json
      reloadls config status --redis redis://cache:6379 --key app
    """

    def run() -> int:
        if redis and key:
            return with_store(redis, key, lambda store: _show_machines(store, json))
        groups = [found for folder in found_groups(group) if (found := _group(folder)) is not None]
        if json:
            sys.stdout.write(json_line(groups))
        elif groups:
            sys.stdout.write("".join(f"{line}\n" for each in groups for line in _lines(each)))
        else:
            sys.stdout.write("No group of workers runs here. Give LiveConfig a group=\n")
        return FAILED if any(_is_wrong(each) for each in groups) else OK

    return run


async def _show_machines(store: RedisStore, as_json: bool) -> int:
    """Show what runs a configuration in Redis."""
    current, machines = await store.current(), await store.machines()
    version = 0 if current is None else current.version
    if as_json:
        sys.stdout.write(json_line({"version": version, "machines": [asdict(each) for each in machines]}))
    else:
        pushed = "no version" if current is None else f"version {version}, pushed by {shown(current.by)}"
        sys.stdout.write(f"{pushed}\n" + "".join(f"{line}\n" for each in machines for line in _machine_lines(each)))
    is_behind = any(each.version != version or _refused(each) for each in machines)
    return FAILED if current is None or is_behind else OK


def _refused(machine: Machine) -> bool:
    return any(member.refused > member.version for member in machine.members)


def _machine_lines(machine: Machine) -> list[str]:
    lines = [f"{shown(machine.name)}  version {machine.version}, {len(machine.members)} workers, {machine.age_s} s ago"]
    for member in machine.members:
        role = ", leads" if member.leader else ""
        refused = member.refused > member.version
        lines.append(f"  process {member.pid}{role}{': refused it' if refused else ''}")
        if refused:
            lines += [f"    {shown(text)}" for text in member.problems]
    return lines


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
        "members": [asdict(member.state(state.leading)) for member in live_members(folder)],
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
