"""Problems of paths and states of roots, as a status reports them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from reloadls.watch.snapshot.denials import Denial
from reloadls.watch.snapshot.roots import Root, RootState

__all__ = ["Problem", "ProblemCode", "RootStatus", "denied_problems", "missing_problems", "root_status"]

ProblemCode = Literal[
    "missingPath", "permissionDenied", "unreadable", "timedOut", "tooManyFiles", "watchLimit", "backendFailed",
    "undecodable", "unusableFolder", "badPattern", "stateFailed",
]  # fmt: skip

_SHOWN = 50
"""How many unreadable paths are listed one by one."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps a path, or all paths, from being watched as requested.

    Attributes:
        code: the kind of problem.
        message: what is wrong and what can be done.
        path: the path, if known.
    """

    code: ProblemCode
    message: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class RootStatus:
    """The state of one root, and its number of files."""

    path: str
    kind: Literal["file", "directory"]
    state: RootState
    files: int


def root_status(root: Root, files: int) -> RootStatus:
    """Return the status of `root`, which contains `files` files."""
    return RootStatus(root.path, root.kind, root.state, files)


def missing_problems(roots: Iterable[Root]) -> list[Problem]:
    """Return a problem for each missing root."""
    return [
        Problem("missingPath", f"{root.path} does not exist; it is watched as soon as it does", root.path)
        for root in roots
        if root.state == "missing"
    ]


def denied_problems(denied: Mapping[str, Denial], delays: Mapping[str, float]) -> list[Problem]:
    """Return a problem for each unreadable path, with the seconds until its next retry."""
    shown = sorted(denied)[:_SHOWN]
    problems = [
        Problem(denied[path].code, f"{path} can't be read ({denied[path].reason}); {_retry(delays.get(path))}", path)
        for path in shown
    ]
    if len(denied) > len(shown):
        problems.append(Problem("unreadable", f"{len(denied) - len(shown)} more paths can't be read"))
    return problems


def _retry(delay: float | None) -> str:
    return "retrying" if delay is None else f"retrying in {delay:g} s"
