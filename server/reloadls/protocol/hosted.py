"""What running programs host, as clients receive it: session pools and live configurations."""

from __future__ import annotations

from typing import Final, Literal

from attrs import field, frozen
from lsprotocol.types import Range

__all__ = [
    "ConfigurationMember",
    "ConfigurationProblem",
    "ConfigurationStatus",
    "MemberState",
    "PoolSession",
    "PoolSessionState",
    "PoolState",
    "PoolStatus",
    "WorkerOf",
]

PoolState = Literal["starting", "running", "draining", "closing"]
"""A pool that is closed is not listed."""
PoolSessionState = Literal["starting", "running"]
MemberState = Literal["applied", "waiting", "refused", "unreachable"]

_ALWAYS: Final = {"always": True}


@frozen(kw_only=True)
class PoolSession:
    """One live session of a pool."""

    id: str
    started_at: str
    """When it was launched."""
    state: PoolSessionState
    """`starting` until its first step."""
    pinned: bool = False
    """Whether it holds on to its objects, and to the code as it is."""
    rebinds: int = 0
    """How many reloads it has followed."""
    last_error: str | None = None
    """Of the last reload that it could not follow."""


@frozen(kw_only=True)
class PoolStatus:
    """One session pool of a running program."""

    name: str
    """Unique among the pools of the program."""
    state: PoolState
    active: int
    """Live sessions."""
    max: int
    """Places."""
    reserved: int = 0
    """Places held for sessions that have not started."""
    waiting: int = 0
    """Launches and reservations that wait for a place."""
    pinned: int = 0
    """Live sessions that are pinned."""
    succeeded: int = 0
    """Sessions that have ended by themselves."""
    failed: int = 0
    """Sessions that have raised something."""
    cancelled: int = 0
    consecutive_failures: int = 0
    """Sessions that have failed since the last one that has not."""
    rebinds: int = 0
    """How many reloads the live sessions have followed, in all."""
    last_error: str | None = None
    """Of the last session that failed: its id, and what it raised."""
    drain_reason: str | None = None
    """Why it drains, if the program did not ask for it."""
    change_waits_for: tuple[str, ...] = ()
    """The ids of pinned sessions that a change of code waits for; at most 10."""
    sessions: tuple[PoolSession, ...] = field(default=(), metadata=_ALWAYS)
    """In the order of their launch. Of many, those that are pinned or could not follow a reload, then the oldest."""
    more: int = 0
    """How many live sessions are not listed."""


@frozen(kw_only=True)
class WorkerOf:
    """The pool that a worker process hosts sessions for; its program lists them."""

    pid: int
    """The process that has the pool."""
    pool: str
    """The name of the pool there."""


@frozen(kw_only=True)
class ConfigurationProblem:
    """One value that can't be used, so that the last good configuration stays."""

    message: str
    key: str | None = None
    """The dotted name of the setting."""
    source: str | None = None
    """What it was read from, for people."""
    uri: str | None = None
    """The file that it was read from."""
    range: Range | None = None
    """The position in that file; LSP positions, from 0."""
    since: str | None = None
    """Since when it is so."""


@frozen(kw_only=True)
class ConfigurationMember:
    """One process that uses a configuration together with others."""

    id: str
    version: str
    """What it runs with."""
    state: MemberState
    refused: str | None = None
    """Why it refused the last version, if it did."""


@frozen(kw_only=True)
class ConfigurationStatus:
    """One live configuration of a running program."""

    name: str
    """Unique among the configurations of the program."""
    version: str
    """What the program runs with; equal where the values are equal."""
    updated_at: str | None = None
    """When it was applied."""
    group: str | None = None
    """What its processes call each other by."""
    leader: str | None = None
    """The id of the member that reads the sources for the group."""
    leader_since: str | None = None
    problems: tuple[ConfigurationProblem, ...] = field(default=(), metadata=_ALWAYS)
    """Why a newer version is not used; empty if there is none."""
    members: tuple[ConfigurationMember, ...] = field(default=(), metadata=_ALWAYS)
    """The processes of the group, this one included."""
    more: int = 0
    """How many members are not listed."""
