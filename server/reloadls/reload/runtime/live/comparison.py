"""Compares what the processes of a program did with each batch; the program's first process has it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection
from typing import Any, Final

from reloadls.reload.runtime.endpoint.encode import from_uri

from .divergence import Diverged, Divergence, Outcome

__all__ = ["Comparison"]

_SETTLES_S: Final = 2.0
"""How long to wait for processes that have not answered, in seconds."""
_MOST_NAMED: Final = 8

Json = dict[str, Any]


class Comparison:
    """Publishes which files diverge, once all processes have answered. Created and used on one event loop.

    Args:
        processes: returns the pids of all processes of the program.
        say: prints one line, given its first word and its text.
        on_change: called when the status has changed.
    """

    def __init__(
        self, processes: Callable[[], Collection[int]], say: Callable[[str, str], None], on_change: Callable[[], object]
    ) -> None:
        self._processes = processes
        self._say = say
        self._on_change = on_change
        self._divergence = Divergence()
        self._published: list[Diverged] = []
        self._due: asyncio.TimerHandle | None = None

    def begin(self, batch: int, uris: Collection[str]) -> None:
        """Note a batch: all processes are going to apply it."""
        self._divergence.begin(batch, uris)

    def add(self, pid: int, outcome: Outcome) -> None:
        """Note what a process did."""
        self._divergence.add(pid, outcome)
        self._publish_when_settled()

    def remove(self, pid: int) -> None:
        """Forget a process that has ended."""
        if self._divergence.remove(pid):
            self._publish_when_settled()

    def to_wire(self) -> list[Json]:
        """Return what diverges, as JSON values."""
        return [each.to_wire() for each in self._published]

    def _publish_when_settled(self) -> None:
        if self._divergence.is_settled(self._processes()):
            self._publish()
        elif self._due is None:
            self._due = asyncio.get_running_loop().call_later(_SETTLES_S, self._publish)

    def _publish(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        before, self._published = self._published, self._divergence.found()
        if before == self._published:
            return
        for each in self._published:
            if each not in before:
                self._say("diverged", _text(each))
        now = {each.uri for each in self._published}
        for each in before:
            if each.uri not in now:
                self._say("agreed", f"{_name(each.uri)}: the same in all processes again")
        self._on_change()


def _text(diverged: Diverged) -> str:
    why = next(iter(diverged.failed.values()))
    line = f":{why['range']['start']['line'] + 1}" if "range" in why else ""
    failed = f"not in {_pids(list(diverged.failed))}"
    return f"{_name(diverged.uri)}{line}: applied in {_pids(diverged.applied)}, {failed}: {why['message']}"


def _pids(pids: Collection[int]) -> str:
    named = ", ".join(map(str, list(pids)[:_MOST_NAMED]))
    more = f" and {len(pids) - _MOST_NAMED} more" if len(pids) > _MOST_NAMED else ""
    return f"process{'es' if len(pids) > 1 else ''} {named}{more}"


def _name(uri: str) -> str:
    try:
        return os.path.relpath(from_uri(uri))
    except (ValueError, OSError):
        return uri
