"""What the members of a group share: the versioned state that their leader has validated."""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict, dataclass, field
from typing import Any

from reloadls.config.group.codec import decode_parts, encode_parts
from reloadls.config.group.folder import GroupFolder, read_private, write_private
from reloadls.config.problem import Problem
from reloadls.config.values.candidate import NamedPart

__all__ = [
    "KEPT_VERSIONS",
    "GroupState",
    "load_version",
    "read_state",
    "save_version",
    "stored_versions",
    "write_state",
]

KEPT_VERSIONS = 20
_FORMAT = 1


@dataclass(slots=True)
class GroupState:
    """The state of a group.

    Attributes:
        version: the version in effect; 0 before the first.
        parts: what it consists of.
        last: the highest number that was ever given to a version, withdrawn ones included.
        offer: the number of a version that all members have to validate first; 0 if none.
        offered: what it consists of.
        pinned: the version that the group was pinned to.
        leader: the leader's process.
        leading: the name of the member that leads.
        since: since when it leads, in seconds since the epoch.
        problems: why the newest state of the sources is not in effect.
        synced: for each member, its last request to look at the sources that was answered.
        pin_request: the last request to pin that was answered, and its error.
    """

    version: int = 0
    parts: tuple[NamedPart, ...] = ()
    last: int = 0
    offer: int = 0
    offered: tuple[NamedPart, ...] = ()
    pinned: int | None = None
    leader: int = 0
    leading: str = ""
    since: float = 0.0
    problems: tuple[Problem, ...] = ()
    synced: dict[str, int] = field(default_factory=dict)
    pin_request: tuple[str, str] = ("", "")


def read_state(folder: GroupFolder) -> GroupState | None:
    """Return the group's state; None before the first, or if it is of another version of reloadls.

    Raises:
        UnsafeFolder: others can access it.
        OSError: it can't be read.
    """
    data = read_private(folder.state)
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        return None
    return GroupState(
        version=data["version"],
        parts=decode_parts(data["parts"]),
        last=data["last"],
        offer=data["offer"],
        offered=decode_parts(data["offered"]),
        pinned=data["pinned"],
        leader=data["leader"],
        leading=data.get("leading", ""),
        since=data["since"],
        problems=tuple(Problem(**problem) for problem in data["problems"]),
        synced=data["synced"],
        pin_request=tuple(data["pinRequest"]),
    )


def write_state(folder: GroupFolder, state: GroupState) -> None:
    """Replace the group's state.

    Raises:
        OSError: it can't be written.
    """
    data: dict[str, Any] = {
        "format": _FORMAT,
        "version": state.version,
        "parts": encode_parts(state.parts),
        "last": state.last,
        "offer": state.offer,
        "offered": encode_parts(state.offered),
        "pinned": state.pinned,
        "leader": state.leader,
        "leading": state.leading,
        "since": state.since,
        "problems": [asdict(problem) for problem in state.problems],
        "synced": state.synced,
        "pinRequest": list(state.pin_request),
    }
    write_private(folder.state, data)


def save_version(folder: GroupFolder, version: int, parts: tuple[NamedPart, ...]) -> None:
    """Keep a version for `pin`, and delete those that are too old."""
    write_private(os.path.join(folder.versions, f"{version}.json"), encode_parts(parts))
    for old in stored_versions(folder)[:-KEPT_VERSIONS]:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(folder.versions, f"{old}.json"))


def load_version(folder: GroupFolder, version: int) -> tuple[NamedPart, ...] | None:
    """Return what a version consists of; None if it is not kept."""
    data = read_private(os.path.join(folder.versions, f"{version}.json"))
    return None if data is None else decode_parts(data)


def stored_versions(folder: GroupFolder) -> list[int]:
    """Return the versions that are kept, the oldest first."""
    names = (name.removesuffix(".json") for name in os.listdir(folder.versions))
    return sorted(int(name) for name in names if name.isdigit())
