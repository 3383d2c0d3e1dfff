"""The status of a watcher, for people and programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reloadls.watch.snapshot.problems import Problem, RootStatus

__all__ = ["State", "WatchStatus"]

State = Literal["starting", "watching", "paused", "degraded", "stopped"]


@dataclass(frozen=True, slots=True)
class WatchStatus:
    """How watching works now.

    Attributes:
        state: ``degraded`` means that changes are still reported, but by polling because native watching failed, or
            that some paths can't be read now.
        backend: what produces hints now.
        roots: the state of each root.
        problems: what keeps paths from being watched as requested.
    """

    state: State
    backend: Literal["native", "polling"]
    roots: tuple[RootStatus, ...] = ()
    problems: tuple[Problem, ...] = ()
