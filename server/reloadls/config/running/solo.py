"""A configuration in one process alone."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from reloadls.base.hosted.live_sources import live_sources
from reloadls.config.errors import InvalidConfiguration, UnknownVersion
from reloadls.config.problem import Problem
from reloadls.config.running.engine import Decision, Engine, Target
from reloadls.config.running.fetching import Fetcher
from reloadls.config.running.following import SourceFollower
from reloadls.config.running.in_reloads import InReloads
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
        self.engine, self.target = engine, target
        self.turn = asyncio.Lock()
        self.version = 0
        self._history: OrderedDict[int, tuple[NamedPart, ...]] = OrderedDict()
        self._follower = SourceFollower(
            engine.sources, engine.local_paths, self.refresh, debounce_s, live_sources.is_claimed
        )
        self._in_reloads: InReloads | None = None
        self.pinned: int | None = None

    async def start(self) -> None:
        """See `Mode.start`."""
        engine = self.engine
        engine.fetchers = {source.name: Fetcher(source, self.refresh) for source in engine.remote}
        await self._follower.start()
        await asyncio.gather(*(fetcher.first() for fetcher in engine.fetchers.values()))
        check_start(engine)
        await self.refresh()
        if engine.current is None:
            raise InvalidConfiguration(engine.all_problems)
        for fetcher in engine.fetchers.values():
            fetcher.start()
        self._in_reloads = InReloads(self)
        live_sources.add(self._in_reloads)

    async def stop(self) -> None:
        """See `Mode.stop`."""
        if self._in_reloads is not None:
            live_sources.remove(self._in_reloads)
        await self._follower.stop()

    async def sync(self) -> None:
        """See `Mode.sync`."""
        await self.refresh()

    async def refresh(self) -> None:
        """Read the sources, and have what they hold take effect if it validates."""
        async with self.turn:
            looked = await self.engine.look()
            if self.pinned is not None:
                self.engine.set_problems(looked.problems)
                return
            if looked.problems:
                self.engine.set_problems(looked.problems)
                return
            await self._apply(await self.engine.decide(looked.parts, self.version + 1))

    async def pin(self, version: int | None) -> None:
        """See `Mode.pin`."""
        if version is None:
            self.pinned = None
            await self.refresh()
            return
        async with self.turn:
            if version not in self._history:
                raise UnknownVersion(f"version {version}: is not one of {', '.join(map(str, self._history)) or 'none'}")
            decision = await self.engine.decide(self._history[version], self.version + 1)
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

    def keep(self) -> None:
        """Keep the current version for `pin`."""
        if self.engine.current is not None:
            self._history[self.version] = self.engine.current.parts
        while len(self._history) > KEPT_VERSIONS:
            self._history.popitem(last=False)

    async def _apply(self, decision: Decision) -> None:
        engine = self.engine
        if decision.problems:
            engine.set_problems(decision.problems)
            return
        first = engine.current is None
        engine.adopt(decision)
        if decision.change is not None and engine.current is not None:
            self.version += 1
            self.keep()
            self.target.swap(engine.current, self.version)
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
