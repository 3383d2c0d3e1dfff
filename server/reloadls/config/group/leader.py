"""What the leader of a group does besides: it reads and fetches the sources, and decides versions for all."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from typing import Any

from reloadls.config.errors import InvalidConfiguration, UnknownVersion
from reloadls.config.group.folder import read_private, write_private
from reloadls.config.group.host import Host
from reloadls.config.group.members import Member, live_members
from reloadls.config.group.state import GroupState, load_version, read_state, save_version, stored_versions, write_state
from reloadls.config.problem import Problem
from reloadls.config.running.engine import Decision
from reloadls.config.running.fetching import Fetcher
from reloadls.config.running.following import SourceFollower, watcher
from reloadls.config.running.solo import check_start
from reloadls.config.source import Reports
from reloadls.config.values.candidate import NamedPart

__all__ = ["Leader"]

_OFFER_S = 1.8
"""How long, in seconds, members have to validate an offer; it is withdrawn within 2 s."""
_GATHER_S = 0.002
"""How long, in seconds, answers of several members are gathered."""
_LOOK_S = 0.05
"""How often, in seconds, members that have not answered are checked for life meanwhile."""
_FIRST_RETRY_S = 1.0
_LAST_RETRY_S = 30.0

_log = logging.getLogger("reloadls.config")


class Leader:
    """Leads a group.

    Args:
        membership: this process as a member.
    """

    def __init__(self, membership: Host) -> None:
        self._membership = membership
        self._engine = membership.engine
        self._folder = membership.folder
        self._state = GroupState()
        self._follower = SourceFollower(
            self._engine.sources, self._engine.local_paths, self.refresh, membership.options.debounce_s
        )
        self._watcher = watcher(self._on_members, [self._folder.members, self._folder.pin], _GATHER_S)
        self._answers, self._requests = asyncio.Event(), asyncio.Event()
        self._retry: asyncio.TimerHandle | None = None
        self._retries = 0
        self._fetches: dict[str, float] = {}
        self._serving: asyncio.Task[None] | None = None
        self._reported: list[Any] = []

    async def start(self, on_lead: Callable[[], object]) -> None:
        """Lead from now on.

        Args:
            on_lead: called once the state that the former leader left is in effect here.

        Raises:
            InvalidConfiguration: the group has no state yet, and the sources hold none that validates.
        """
        membership = self._membership
        async with membership.turn:
            self._state = await self._engine.run(self._inherit)
            await membership.take(self._state)
            on_lead()
        self._state.leader, self._state.since = os.getpid(), time.time()
        self._state.leading = membership.member.own.member
        known = {each.source: each.part for each in self._state.parts}
        for source in self._engine.remote:
            fetcher = Fetcher(source, self.refresh, before_fetch=self._note_fetch)
            fetcher.part = known.get(source.name)
            self._engine.fetchers[source.name] = fetcher
        await self._follower.start()
        await self._watcher.start()
        if self._engine.current is None:
            await self._first()
        else:
            await self._write()
        for name, fetcher in self._engine.fetchers.items():
            due = self._fetches.get(name, 0.0) + fetcher.source.every_s
            fetcher.start(due=due if fetcher.part is not None else None)
        self._serving = membership.spawn(self._serve())
        self._requests.set()
        await self.refresh()

    async def stop(self) -> None:
        """Lead no longer."""
        if self._retry is not None:
            self._retry.cancel()
        if self._serving is not None:
            self._serving.cancel()
        for fetcher in self._engine.fetchers.values():
            fetcher.stop()
        await self._follower.stop()
        await self._watcher.stop()

    async def refresh(self) -> None:
        """Read the sources; offer or publish what they hold, if it validates."""
        async with self._membership.turn:
            looked = await self._engine.look()
            if looked.problems or self._state.pinned is not None:
                await self._set_problems(looked.problems)
                return
            await self._publish(await self._engine.decide(looked.parts, self._state.last + 1))

    async def pin(self, version: int | None) -> None:
        """See `Mode.pin`."""
        if version is None:
            self._state.pinned = None
            await self._write()
            await self.refresh()
            return
        async with self._membership.turn:
            parts = await self._engine.run(load_version, self._folder, version)
            if parts is None:
                known = await self._engine.run(stored_versions, self._folder)
                raise UnknownVersion(f"version {version}: is not one of {', '.join(map(str, known)) or 'none'}")
            decision = await self._engine.decide(parts, self._state.last + 1)
            if decision.problems:
                raise InvalidConfiguration(decision.problems)
            self._state.pinned = version
            await self._publish(decision)
            await self._write()

    async def keep_state(self) -> None:
        """Write the state again if its file was deleted."""
        if not await self._engine.run(os.path.exists, self._folder.state):
            await self._write()

    # -- versions

    async def _publish(self, decision: Decision) -> None:
        membership, state = self._membership, self._state
        if decision.problems:
            await self._set_problems(decision.problems)
            return
        if decision.change is None and membership.version:
            await self._keep(decision)
            return
        version = state.last + 1
        parts = () if decision.candidate is None else decision.candidate.parts
        if membership.options.together and membership.version:
            refused = await self._offer(decision, version, parts)
            if refused:
                await self._withdraw(refused)
                return
        state.version, state.parts, state.last = version, parts, version
        state.offer, state.offered, state.problems = 0, (), ()
        await self._write()
        if membership.prepared:
            membership.settle(committed=True)
            await membership.acknowledge()
        else:
            await membership.have_effect(decision, version)
        await self._engine.run(save_version, self._folder, version, parts)
        self._retries = 0
        self._requests.set()

    async def _keep(self, decision: Decision) -> None:
        """Nothing changes but where values stand, or that a problem is over."""
        changed = bool(self._state.problems)
        if decision.candidate is not None:
            self._engine.adopt(decision)
            self._state.parts, changed = decision.candidate.parts, True
        self._state.problems = ()
        self._engine.set_problems(())
        if changed:
            await self._write()

    async def _offer(self, decision: Decision, version: int, parts: tuple[NamedPart, ...]) -> list[Problem]:
        """Have all live members validate a version, and commit it if they do; return why it is not committed."""
        membership, state = self._membership, self._state
        state.offer, state.offered, state.last = version, parts, version
        membership.prepare(decision, version)
        try:
            await self._write()
            refused = await self._answered(version)
        except BaseException:
            membership.settle(committed=False)
            raise
        if not refused:
            # The commit: from this store on every member answers with the new version.
            membership.flag.version = version
        return refused

    async def _answered(self, version: int) -> list[Problem]:
        end = time.monotonic() + _OFFER_S
        while True:
            self._answers.clear()
            members = await self._engine.run(self._unfinished, version)
            refused = [_refusal(member) for member in members if member.refused == version]
            if refused or not members:
                return refused
            left = end - time.monotonic()
            if left <= 0:
                self._retry_later()
                return [_silence(member) for member in members]
            try:
                async with asyncio.timeout(min(left, _LOOK_S)):
                    await self._answers.wait()
            except TimeoutError:
                continue

    def _unfinished(self, version: int) -> list[Member]:
        """Return the live members that have not validated a version; blocking."""
        own = self._membership.member.own.member
        return [
            member
            for member in live_members(self._folder)
            if member.member != own and member.prepared != version and member.version < version
        ]

    async def _withdraw(self, refused: list[Problem]) -> None:
        self._state.offer, self._state.offered = 0, ()
        self._membership.settle(committed=False)
        await self._set_problems(refused)
        await self._write()

    def _retry_later(self) -> None:
        """A member that did not answer may do so later."""
        delay = min(_LAST_RETRY_S, _FIRST_RETRY_S * 2**self._retries)
        self._retries += 1
        if self._retry is not None:
            self._retry.cancel()
        loop = asyncio.get_running_loop()
        self._retry = loop.call_later(delay, lambda: self._membership.spawn(self.refresh()))

    # -- what others see and ask

    async def _serve(self) -> None:
        """Answer requests of members, and report what they run."""
        while True:
            await self._requests.wait()
            self._requests.clear()
            try:
                members = await self._engine.run(live_members, self._folder)
                await self._answer_syncs(members)
                await self._answer_pin()
                await self._report(members)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                _log.error("a request of a member failed: %s", error)

    async def _answer_syncs(self, members: list[Member]) -> None:
        state = self._state
        asked = {each.member: each.sync for each in members if each.sync > state.synced.get(each.member, 0)}
        if asked:
            await self.refresh()
            live = {each.member for each in members}
            state.synced = {name: count for name, count in state.synced.items() if name in live} | asked
            await self._write()

    async def _answer_pin(self) -> None:
        data = await self._engine.run(read_private, self._folder.pin)
        if not isinstance(data, dict) or data.get("request") in (None, self._state.pin_request[0]):
            return
        try:
            await self.pin(data.get("version"))
        except (UnknownVersion, InvalidConfiguration) as error:
            self._state.pin_request = (data["request"], str(error))
        else:
            self._state.pin_request = (data["request"], "")
        await self._write()

    async def _report(self, members: list[Member]) -> None:
        states = [member.state(self._state.leading) for member in members]
        if states == self._reported:
            return
        self._reported = states
        for source in self._engine.remote:
            if isinstance(source, Reports):
                try:
                    await source.report(states)
                except Exception as error:
                    _log.warning("%s could not report the members: %s", source.name, type(error).__name__)

    async def _on_members(self) -> None:
        self._answers.set()
        self._requests.set()

    async def _set_problems(self, problems: Any) -> None:
        self._engine.set_problems(problems)
        if self._state.problems != tuple(problems):
            self._state.problems = tuple(problems)
            await self._write()

    # -- files

    async def _first(self) -> None:
        await asyncio.gather(*(fetcher.first() for fetcher in self._engine.fetchers.values()))
        check_start(self._engine)
        await self.refresh()
        if self._engine.current is None:
            raise InvalidConfiguration(self._engine.all_problems)

    def _inherit(self) -> GroupState:
        """Return what the former leader left, with its open offer committed or withdrawn."""
        fetches = read_private(self._folder.fetches)
        self._fetches = fetches if isinstance(fetches, dict) else {}
        state = read_state(self._folder) or GroupState()
        if state.offer and self._membership.flag.version == state.offer:
            state.version, state.parts = state.offer, state.offered
        state.offer, state.offered = 0, ()
        return state

    async def _note_fetch(self, name: str, at: float) -> None:
        self._fetches[name] = at
        await self._engine.run(write_private, self._folder.fetches, dict(self._fetches))

    async def _write(self) -> None:
        self._membership.state = self._state
        await self._engine.run(write_state, self._folder, self._state)


def _refusal(member: Member) -> Problem:
    reason = "; ".join(member.problems or ()) or "no reason given"
    return Problem(code="refused", message=f"process {member.pid} refused it: {reason}", source="group")


def _silence(member: Member) -> Problem:
    return Problem(
        code="refused", message=f"process {member.pid} did not validate it within {_OFFER_S:g} s", source="group"
    )
