"""How a configuration shows itself in the status of its program: plain data, as docs/protocol.md has it. No values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from reloadls.base.hosted import Hosted, hosted
from reloadls.base.timestamps import utc_text
from reloadls.config.problem import Problem
from reloadls.config.source import MemberState
from reloadls.config.status import ConfigStatus
from reloadls.wire.uris import to_uri

__all__ = ["Publication"]

Json = dict[str, Any]


class Publication:
    """A configuration in the status of its program, from `begin` to `end`.

    Args:
        status: returns its status; on any thread.
    """

    def __init__(self, status: Callable[[], ConfigStatus]) -> None:
        self._status = status
        self._hosted: Hosted | None = None
        self._since: dict[Problem, str] = {}
        self._updated = ""

    def begin(self, name: str) -> None:
        """Show it.

        Args:
            name: what it is called; a number is added where another one has that name.
        """
        self._updated = _now()
        self._hosted = hosted.add("configurations", name, self._json)

    def end(self) -> None:
        """Show it no longer. Idempotent."""
        if self._hosted is not None:
            self._hosted.remove()
            self._hosted = None

    def changed(self, *, value: bool = False) -> None:
        """The status may have changed.

        Args:
            value: whether there is another version.
        """
        if value:
            self._updated = _now()
        if self._hosted is not None:
            self._hosted.changed()

    def _json(self, most: int) -> Json:
        status = self._status()
        self._since = {problem: self._since.get(problem) or _now() for problem in status.problems}
        leaders = [member for member in status.members if member.leader]
        return {
            "version": str(status.version),
            "updatedAt": self._updated,
            "group": status.group,
            "leader": leaders[0].member if leaders else None,
            "leaderSince": None if status.leader_since is None else _text(status.leader_since),
            "problems": [_problem(problem, self._since[problem]) for problem in status.problems[:most]],
            "members": [_member(member, status.version) for member in status.members[:most]],
        }


def _problem(problem: Problem, since: str) -> Json:
    found: Json = {"message": problem.message, "key": problem.key or None, "source": problem.source, "since": since}
    if problem.path is not None:
        found["uri"] = to_uri(problem.path)
    if problem.line is not None:  # of a source that has no file: a line of its document
        start = {"line": max(0, problem.line - 1), "character": max(0, (problem.column or 1) - 1)}
        found["range"] = {"start": start, "end": start}
    return found


def _member(member: MemberState, version: int) -> Json:
    refused = member.refused > member.version
    state = "refused" if refused else "applied" if member.version >= version else "waiting"
    reason = "; ".join(member.problems) if refused else None
    return {"id": member.member, "version": str(member.version), "state": state, "refused": reason}


def _now() -> str:
    return utc_text(datetime.now(UTC))


def _text(at: float) -> str:
    return utc_text(datetime.fromtimestamp(at, UTC))
