"""A configuration in one process alone."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from reloadls.config.errors import InvalidConfiguration, UnknownVersion
from reloadls.config.problem import Problem
from reloadls.config.running.engine import Decision, Engine, Target
from reloadls.config.running.fetching import Fetcher
from reloadls.config.running.following import SourceFollower
from reloadls.config.source import MemberState
from reloadls.config.values.candidate import Candidate, NamedPart

__all__ = ["KEPT_VERSIONS", "Solo", "check_start"]

KEPT_VERSIONS = 20


class Solo:
    """See `Mode`."""

    leader: int | None = None
    leader_since: float | None = None
    prepared = False

    def __init__(self, engine: Engine, target: Target, debounce_s: float) -> None:
        self._engine, self._target = engine, target
        self._turn = asyncio.Lock()
        self._version = 0
        self._history: OrderedDict[int, tuple[NamedPart, ...]] = OrderedDict()
        self._follower = SourceFollower(engine.sources, engine.local_paths, self.refresh, debounce_s)
        self.pinned: int | None = None

    async def start(self) -> None:
        """See `Mode.start`."""
        engine = self._engine
        engine.fetchers = {source.name: Fetcher(source, self.refresh) for source in engine.remote}
        await self._follower.start()
        await asyncio.gather(*(fetcher.first() for fetcher in engine.fetchers.values()))
        check_start(engine)
        await self.refresh()
        if engine.current is None:
            raise InvalidConfiguration(engine.all_problems)
        for fetcher in engine.fetchers.values():
            fetcher.start()

    async def stop(self) -> None:
        """See `Mode.stop`."""
        await self._follower.stop()

    async def sync(self) -> None:
        """See `Mode.sync`."""
        await self.refresh()

    async def refresh(self) -> None:
        """Read the sources, and have what they hold take effect if it validates."""
        async with self._turn:
            looked = await self._engine.look()
            if self.pinned is not None:
                self._engine.set_problems(looked.problems)
                return
            if looked.problems:
                self._engine.set_problems(looked.problems)
                return
            await self._apply(await self._engine.decide(looked.parts, self._version + 1))

    async def pin(self, version: int | None) -> None:
        """See `Mode.pin`."""
        if version is None:
            self.pinned = None
            await self.refresh()
            return
        async with self._turn:
            if version not in self._history:
                raise UnknownVersion(f"version {version}: is not one of {', '.join(map(str, self._history)) or 'none'}")
            decision = await self._engine.decide(self._history[version], self._version + 1)
            if decision.problems:
                raise InvalidConfiguration(decision.problems)
            self.pinned = version
            await self._apply(decision)

    def members(self) -> Sequence[MemberState]:
        """See `Mode.members`."""
        return ()

    def committed(self) -> tuple[Candidate, int] | None:
        """See `Mode.committed`."""
        return None

    async def _apply(self, decision: Decision) -> None:
        engine = self._engine
        if decision.problems:
            engine.set_problems(decision.problems)
            return
        first = engine.current is None
        engine.adopt(decision)
        if decision.change is not None and engine.current is not None:
            self._version += 1
            self._history[self._version] = engine.current.parts
            while len(self._history) > KEPT_VERSIONS:
                self._history.popitem(last=False)
            self._target.swap(engine.current, self._version)
            if not first:
                engine.callbacks.post(decision.change)
        engine.set_problems(())


def check_start(engine: Engine) -> None:
    """Refuse to start without a required source.

    Raises:
        InvalidConfiguration: a required source can't be fetched.
    """
    failed: list[Problem] = [
        fetcher.problem
        for fetcher in engine.fetchers.values()
        if fetcher.problem is not None and fetcher.source.required
    ]
    if failed:
        raise InvalidConfiguration(failed)
