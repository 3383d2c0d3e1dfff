"""Fetches the sources outside of this machine: each in a task of its own, later each time while it fails."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from reloadls.config.problem import Problem
from reloadls.config.running.reading import problem_of
from reloadls.config.source import Part, Source

__all__ = ["Fetcher", "SourceStatus"]

_FIRST_RETRY_S = 0.5
_LAST_RETRY_S = 60.0

_log = logging.getLogger("reloadls.config")


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """How one source is.

    Attributes:
        name: the source.
        state: ``ok``; ``failed`` while it can't be read; ``waiting`` before the first answer.
        age_s: seconds since its part was last confirmed; None if never, or if it is read whenever it changes.
        problem: why it failed.
        next_s: seconds until it is fetched again, if that is known.
    """

    name: str
    state: str = "ok"
    age_s: float | None = None
    problem: Problem | None = None
    next_s: float | None = None


class Fetcher:
    """Keeps the last good part of one source.

    Args:
        source: the source.
        on_change: awaited when there is another part or another problem.
        before_fetch: awaited with the time (in seconds since the epoch) before each fetch, so that another process can
            keep the pace.
    """

    def __init__(
        self,
        source: Source,
        on_change: Callable[[], Awaitable[object]],
        *,
        before_fetch: Callable[[str, float], Awaitable[object]] | None = None,
    ) -> None:
        self.source = source
        self._on_change = on_change
        self._before_fetch = before_fetch
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self.part: Part | None = None
        self.problem: Problem | None = None
        self.confirmed: float | None = None
        """When the part was last confirmed, in seconds since the epoch."""
        self._next: float | None = None

    def status(self) -> SourceStatus:
        """Return how the source is."""
        now = time.time()
        state = "failed" if self.problem is not None else "waiting" if self.part is None else "ok"
        return SourceStatus(
            self.source.name,
            state,
            None if self.confirmed is None else max(0.0, now - self.confirmed),
            self.problem,
            None if self._next is None else max(0.0, self._next - now),
        )

    async def first(self) -> None:
        """Fetch once; what fails is a problem."""
        await self._fetch()

    def start(self, *, due: float | None = None) -> None:
        """Fetch again and again.

        Args:
            due: when to fetch first, in seconds since the epoch; None: when it is due after the last fetch.
        """
        if self._task is None:
            if due is None:
                due = time.time() + self._pause() if self.part is not None or self._failures else time.time()
            self._task = asyncio.create_task(self._run(due), name=f"reloadls-config-{self.source.name}")

    def stop(self) -> None:
        """Stop fetching, at once."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self, due: float) -> None:
        while True:
            self._next = due
            await asyncio.sleep(max(0.0, due - time.time()))
            started = time.time()
            if await self._fetch():
                await self._notify()
            # A pace, not a pause: a fetch that takes long does not delay the next one.
            due = max(time.time(), started + self._pause())

    async def _notify(self) -> None:
        try:
            await self._on_change()
        except Exception:
            _log.exception("what %s holds could not be applied", self.source.name)

    def _pause(self) -> float:
        if not self._failures:
            return self.source.every_s
        retry: float = min(_LAST_RETRY_S, _FIRST_RETRY_S * 2 ** min(self._failures - 1, 20))
        return max(min(self.source.every_s, _LAST_RETRY_S), retry) * random.uniform(0.75, 1.25)  # noqa: S311 - it only spreads load

    async def _fetch(self) -> bool:
        """Fetch; return whether the part or the problem is another one now."""
        if self._before_fetch is not None:
            await self._before_fetch(self.source.name, time.time())
        before = self.problem
        try:
            part = await self.source.fetch(self.part)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            error: BaseException = RuntimeError("cancelled")
        except Exception as raised:
            error = raised
        else:
            return self._received(part, before)
        self._failures += 1
        self.problem = problem_of(self.source, error, "unavailable")
        if self.problem != before:
            kept = "" if self.part is None else "; its last good part stays"
            _log.warning("configuration source unavailable: %s%s", self.problem, kept)
        return self.problem != before

    def _received(self, part: Part | None, before: Problem | None) -> bool:
        self._failures, self.problem, self.confirmed = 0, None, time.time()
        if before is not None:
            _log.info("configuration source available again: %s", self.source.name)
        if part is None or self._is_older(part):
            return before is not None
        changed = self.part != part
        self.part = part
        return changed or before is not None

    def _is_older(self, part: Part) -> bool:
        known = self.part
        if known is None or known.version is None or part.version is None or part.version >= known.version:
            return False
        _log.warning(
            "configuration source %s answered with version %d after %d; ignored",
            self.source.name, part.version, known.version,
        )  # fmt: skip
        return True
