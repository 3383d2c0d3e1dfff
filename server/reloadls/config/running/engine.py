"""Decides what the newest state of the sources means: a change, no change, or problems.

One decision at a time. Reading and validating run on a thread of their own, the swap on the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from reloadls.base.worker_thread import Worker
from reloadls.config.problem import Problem
from reloadls.config.running.callbacks import Callbacks, Change
from reloadls.config.running.fetching import Fetcher, SourceStatus
from reloadls.config.running.reading import Looked, read_sources
from reloadls.config.source import AnySource, LocalSource, Part, Source
from reloadls.config.values.candidate import Candidate, NamedPart, make_candidate, redacted
from reloadls.config.values.difference import changed_keys, equal
from reloadls.config.values.keys import same
from reloadls.config.values.models import Model

__all__ = ["Decision", "Engine", "Target"]

T = TypeVar("T")
_log = logging.getLogger("reloadls.config")


class Target(Protocol):
    """Where what was decided takes effect."""

    def swap(self, candidate: Candidate, version: int) -> None:
        """Make a candidate the value."""


class Decision:
    """What became of a candidate.

    Attributes:
        problems: why it does not take effect.
        change: what it changes; None if nothing.
        candidate: the candidate.
    """

    def __init__(
        self, candidate: Candidate | None, change: Change[Any] | None = None, problems: Sequence[Problem] = ()
    ) -> None:
        self.candidate, self.change, self.problems = candidate, change, tuple(problems)


class Engine:
    """The sources, what they held last, and what that means.

    Args:
        model: what validates.
        sources: all sources, the weakest first.
        callbacks: who may refuse a change, and who follows it.
    """

    def __init__(self, model: Model, sources: Sequence[AnySource], callbacks: Callbacks) -> None:
        self.model, self.sources, self.callbacks = model, sources, callbacks
        self.current: Candidate | None = None
        """What is in effect."""
        self.problems: tuple[Problem, ...] = ()
        """Why the newest state is not in effect."""
        self.on_problems: Callable[[], object] = lambda: None
        self.fetchers: dict[str, Fetcher] = {}
        self._worker: Worker | None = None
        self._logged: tuple[Problem, ...] = ()
        self._announced: tuple[Problem, ...] = ()

    def open(self) -> None:
        """Start the thread. On the loop."""
        self._worker = Worker("reloadls-config")

    def close(self) -> None:
        """End everything, without waiting for a read that hangs."""
        for fetcher in self.fetchers.values():
            fetcher.stop()
        if self._worker is not None:
            self._worker.abandon()

    async def close_sources(self) -> None:
        """Release the connections of sources."""
        for source in self.sources:
            if isinstance(source, Source):
                with contextlib.suppress(Exception):
                    await source.close()

    @property
    def local_paths(self) -> list[str]:
        """The files and folders to follow."""
        return [path for source in self.sources if isinstance(source, LocalSource) for path in source.paths]

    @property
    def remote(self) -> list[Source]:
        """The sources that are fetched."""
        return [source for source in self.sources if isinstance(source, Source)]

    async def look(self) -> Looked:
        """Read all sources of this machine."""
        return await self.run(read_sources, self.sources, self._fetched())

    def look_now(self) -> Looked:
        """As `look`, on this thread."""
        return read_sources(self.sources, self._fetched())

    def _fetched(self) -> dict[str, Part]:
        return {name: fetcher.part for name, fetcher in self.fetchers.items() if fetcher.part is not None}

    async def decide(self, parts: Sequence[NamedPart], version: int) -> Decision:
        """Validate parts, and ask who may refuse.

        Args:
            parts: what the sources hold.
            version: the version that they would have.
        """
        decision = await self.run(self._decided, parts, version)
        if decision.change is None or decision.change.old is None or decision.candidate is None:
            return decision
        refused = await self.callbacks.ask(decision.change, self.redact(decision.candidate))
        return Decision(decision.candidate, decision.change, refused)

    def decide_now(self, parts: Sequence[NamedPart], version: int) -> Decision:
        """As `decide`, on this thread; needs `Callbacks.can_be_asked_now`."""
        decision = self._decided(parts, version)
        if decision.change is None or decision.candidate is None:
            return decision
        refused = self.callbacks.ask_now(decision.change, self.redact(decision.candidate))
        return Decision(decision.candidate, decision.change, refused)

    def _decided(self, parts: Sequence[NamedPart], version: int) -> Decision:
        before = self.current
        if before is not None and _same_parts(before.parts, parts):
            return Decision(None)
        merged = None if before is None else before.merged
        candidate = make_candidate(self.model, parts, merged)
        if candidate.problems:
            return Decision(candidate, problems=candidate.problems)
        if before is None:
            return Decision(candidate, Change(None, candidate.value, (), version))
        return Decision(candidate, _change(before, candidate, version))

    def redact(self, *candidates: Candidate) -> Callable[[str], str]:
        """Return what takes the secrets of these and of the current values out of text."""
        known = [*candidates, *([] if self.current is None else [self.current])]
        return redacted(self.model, [each.merged.values for each in known])

    def adopt(self, decision: Decision) -> None:
        """Have a decision without problems take effect."""
        candidate = decision.candidate
        if candidate is None:
            return
        if decision.change is None and self.current is not None:  # only where values stand has changed
            candidate.value = self.current.value
        self.current = candidate

    def set_problems(self, problems: Sequence[Problem], *, log: bool = True) -> None:
        """Report problems: once in the log for the same ones, and when there are none any more.

        Args:
            problems: all that there are now.
            log: whether this process logs them.
        """
        found = tuple(problems)
        if found != self.problems:
            self.problems = found
            self._log_problems(found, log=log)
        if self.all_problems != self._announced:
            self._announced = self.all_problems
            self.on_problems()

    def _log_problems(self, found: tuple[Problem, ...], *, log: bool) -> None:
        if not log:
            self._logged = ()
        elif found and found != self._logged:
            for problem in found:
                _log.error("configuration not applied: %s", problem)
        elif not found and self._logged:
            _log.info("the configuration is valid again")
        self._logged = found if log else ()

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """Also those of sources that can't be fetched."""
        fetched = (fetcher.problem for fetcher in self.fetchers.values())
        return (*self.problems, *(problem for problem in fetched if problem is not None))

    def source_statuses(self) -> list[SourceStatus]:
        """How each source is."""
        wrong = {problem.source: problem for problem in self.problems if problem.code == "unreadable"}
        found = []
        for source in self.sources:
            if source.name in self.fetchers:
                found.append(self.fetchers[source.name].status())
            elif source.name in wrong:
                found.append(SourceStatus(source.name, "failed", problem=wrong[source.name]))
            else:
                found.append(SourceStatus(source.name))
        return found

    async def run(self, call: Callable[..., T], *args: Any) -> T:
        """Run a blocking call on the thread."""
        if self._worker is None:
            raise asyncio.CancelledError
        return await self._worker.run(call, *args)


def _change(before: Candidate, candidate: Candidate, version: int) -> Change[Any] | None:
    old, new = before.merged.values, candidate.merged.values
    if same(old, new) or equal(before.value, candidate.value):
        return None
    return Change(before.value, candidate.value, changed_keys(old, new, before.value, candidate.value), version)


def _same_parts(old: Sequence[NamedPart], new: Sequence[NamedPart]) -> bool:
    return len(old) == len(new) and all(
        one.source == other.source
        and one.part.places == other.part.places
        and same(dict(one.part.values), dict(other.part.values))
        for one, other in zip(old, new, strict=True)
    )
