"""How watching goes: what a person or a program is told when they ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reloadls.watch.roots import Root

__all__ = ["Problem", "ProblemCode", "RootStatus", "State", "WatchStatus"]

State = Literal["starting", "watching", "paused", "degraded", "stopped"]
ProblemCode = Literal["missingPath", "permissionDenied", "watchLimit", "backendFailed", "undecodable", "stateFailed"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps a path, or all of them, from being watched as asked.

    Attributes:
        code: its kind.
        message: what is wrong and what can be done.
        path: what it concerns, where that is known.
    """

    code: ProblemCode
    message: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class RootStatus:
    """One root, and how many files it holds."""

    path: str
    kind: Literal["file", "directory"]
    state: Literal["watching", "missing", "denied"]
    files: int


@dataclass(frozen=True, slots=True)
class WatchStatus:
    """How watching goes.

    Attributes:
        state: ``degraded`` means that changes still come, but by polling because native watching failed.
        backend: what produces hints now.
    """

    state: State
    backend: Literal["native", "polling"]
    roots: tuple[RootStatus, ...] = ()
    problems: tuple[Problem, ...] = ()


def root_status(root: Root, files: int) -> RootStatus:
    """`root`, which holds so many files, as it is told."""
    return RootStatus(root.path, root.kind, root.state, files)


def root_problems(roots: list[Root], denied: dict[str, str]) -> list[Problem]:
    """What is missing and what can't be read."""
    missing = [
        Problem("missingPath", f"{root.path} does not exist; it is watched as soon as it does", root.path)
        for root in roots
        if root.state == "missing"
    ]
    unreadable = [
        Problem("permissionDenied", f"{path} can't be read ({reason}); changes in it are not seen", path)
        for path, reason in sorted(denied.items())
    ]
    return missing + unreadable
