"""The status of a watcher, as people and programs read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reloadls.watch.snapshot.problems import Problem, RootStatus

__all__ = ["State", "WatchStatus"]

State = Literal["starting", "watching", "paused", "degraded", "stopped"]


@dataclass(frozen=True, slots=True)
class WatchStatus:
    """How watching goes.

    Attributes:
        state: ``degraded`` means that changes still come, but by polling because native watching failed, or that some
            paths can't be read now.
        backend: what produces hints now.
    """

    state: State
    backend: Literal["native", "polling"]
    roots: tuple[RootStatus, ...] = ()
    problems: tuple[Problem, ...] = ()
