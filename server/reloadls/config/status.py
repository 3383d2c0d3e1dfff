"""The status of a configuration, for people and programs. Holds no value of it."""

from __future__ import annotations

from dataclasses import dataclass

from reloadls.config.problem import Problem
from reloadls.config.running.fetching import SourceStatus
from reloadls.config.source import MemberState

__all__ = ["ConfigStatus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigStatus:
    """How a configuration is now.

    Attributes:
        model: the name of what validates.
        version: the version that this process runs.
        problems: what is wrong now.
        sources: how each source is; in a group only the leader knows.
        group: the name of the group; None without one.
        pid: this process.
        leader: the process that fetches for the group; None without a group, or while there is none.
        leader_since: since when, in seconds since the epoch.
        members: which process of the group runs which version.
        pinned: the version that the group was pinned to; None if it follows its sources.
    """

    model: str
    version: int
    problems: tuple[Problem, ...] = ()
    sources: tuple[SourceStatus, ...] = ()
    group: str | None = None
    pid: int = 0
    leader: int | None = None
    leader_since: float | None = None
    members: tuple[MemberState, ...] = ()
    pinned: int | None = None
