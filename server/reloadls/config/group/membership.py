"""A configuration in one process of a group: it follows the leader's state, and takes over when the leader ends."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from reloadls.base.folders import UnsafeFolder
from reloadls.config.errors import InvalidConfiguration, UnknownVersion
from reloadls.config.group.commit_flag import CommitFlag
from reloadls.config.group.folder import GroupFolder, write_private
from reloadls.config.group.host import GroupOptions
from reloadls.config.group.leader import Leader
from reloadls.config.group.leadership import Leadership
from reloadls.config.group.members import MemberFile, read_members
from reloadls.config.group.state import GroupState, read_state
from reloadls.config.problem import Problem
from reloadls.config.running.engine import Decision, Engine
from reloadls.config.running.following import watcher
from reloadls.config.source import MemberState
from reloadls.config.values.candidate import Candidate

__all__ = ["Membership", "View"]

_RETRY_S = 1.0
_ACKNOWLEDGE_S = 0.01
_log = logging.getLogger("reloadls.config")


class View(Protocol):
    """What shows the value to the program."""

    def swap(self, candidate: Candidate, version: int) -> None:
        """Make a candidate the value."""

    def expose(self) -> None:
        """Look again whether `Mode.prepared` is set."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    version: int
    decision: Decision
    candidate: Candidate


class Membership:
    """See `Mode`."""

    def __init__(self, engine: Engine, view: View, options: GroupOptions) -> None:
        self.engine, self.options = engine, options
        self._view = view
        self.turn = asyncio.Lock()
        self.folder: GroupFolder
        self.flag: CommitFlag
        self.member: MemberFile
        self.state = GroupState()
        self.version = 0
        self._prepared: _Prepared | None = None
        self._leadership: Leadership
        self._leading: Leader | None = None
        self._progress = asyncio.Condition()
        self._value: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watcher: Any = None
        self._is_open = False
        self._trouble = ""

    # -- Mode

    @property
    def leader(self) -> int | None:
        """See `Mode`."""
        return self.state.leader or None

    @property
    def leader_since(self) -> float | None:
        """See `Mode`."""
        return self.state.since or None

    @property
    def pinned(self) -> int | None:
        """See `Mode`."""
        return self.state.pinned

    @property
    def prepared(self) -> bool:
        """See `Mode`."""
        return self._prepared is not None

    def members(self) -> Sequence[MemberState]:
        """See `Mode.members`."""
        if not self._is_open:
            return ()
        return [member.state(self.state.leading) for member in read_members(self.folder)]

    def committed(self) -> tuple[Candidate, int] | None:
        """See `Mode.committed`."""
        prepared = self._prepared
        if prepared is not None and self.flag.version == prepared.version:
            return prepared.candidate, prepared.version
        return None

    async def start(self) -> None:
        """See `Mode.start`."""
        await self.engine.run(self._open)
        self._watcher = watcher(self._on_state, [self.folder.state], 0.0)
        await self._watcher.start()
        if self._leadership.try_acquire():
            await self._lead()
            return
        self.spawn(self._take_over())
        # It is a member by now: an offer that it does not read here waits for it.
        await self._on_state()
        if self.engine.current is None and self.member.own.refused:
            raise InvalidConfiguration(self.engine.problems)
        try:
            async with asyncio.timeout(self.options.start_timeout_s):
                await self._value
        except TimeoutError:
            message = f"the group's leader had no state within {self.options.start_timeout_s:g} s"
            problems = [Problem(code="unavailable", message=message, source=f"group {self.options.group}")]
        else:
            return
        raise InvalidConfiguration([*problems, *self.engine.problems])

    async def stop(self) -> None:
        """See `Mode.stop`."""
        tasks = {task for task in self._tasks if task is not asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if self._leading is not None:
            await self._leading.stop()
        if self._watcher is not None:
            await self._watcher.stop()
        if tasks:
            await asyncio.wait(tasks, timeout=0.05)
        self._value.cancel()
        if self._is_open:
            self._leadership.release()
            self.member.close()
            self._settle()
            self._drop()
            self.flag.close()
            self._is_open = False

    async def sync(self) -> None:
        """See `Mode.sync`."""
        if self._leading is None:
            self.member.own.sync += 1
            asked = self.member.own.sync
            await self.engine.run(self.member.write)
            name = self.member.own.member
            async with self._progress:
                await self._progress.wait_for(
                    lambda: self._leading is not None or self.state.synced.get(name, 0) >= asked
                )
        if self._leading is not None:
            await self._leading.refresh()
            await self._leading.keep_state()

    async def pin(self, version: int | None) -> None:
        """See `Mode.pin`."""
        if self._leading is not None:
            await self._leading.pin(version)
            return
        request = secrets.token_hex(8)
        await self.engine.run(write_private, self.folder.pin, {"version": version, "request": request})
        async with self._progress:
            await self._progress.wait_for(lambda: self.state.pin_request[0] == request)
        if self.state.pin_request[1]:
            raise UnknownVersion(self.state.pin_request[1])

    # -- the state

    async def take(self, state: GroupState) -> None:
        """Have a state of the leader take effect, as far as it validates here. Within `turn`."""
        settled = self._settle()
        self.state = state
        if settled:
            await self.acknowledge()
        if self._prepared is not None and state.offer != self._prepared.version:
            self._drop()
        if state.version > self.version:
            decision = await self.engine.decide(state.parts, state.version)
            if decision.problems:
                await self._refuse(state.version, decision.problems)
            else:
                await self.have_effect(decision, state.version)
        elif state.version == self.version and self.version:
            decision = await self.engine.decide(state.parts, state.version)
            if not decision.problems and decision.change is None:
                self.engine.adopt(decision)
        if state.offer > max(self.version, self.member.own.prepared, self.member.own.refused):
            await self._answer(state)
        if self._leading is None and self.member.own.refused < max(state.version, state.offer):
            self.engine.set_problems(state.problems, log=False)
        async with self._progress:
            self._progress.notify_all()

    async def have_effect(self, decision: Decision, version: int) -> None:
        """Make what was decided the value, and acknowledge it a moment later: first all members are to have it."""
        self._effect(decision, version)
        self.spawn(self._acknowledge_soon())

    async def _acknowledge_soon(self) -> None:
        await asyncio.sleep(_ACKNOWLEDGE_S)
        await self.acknowledge()

    async def acknowledge(self) -> None:
        """Have the leader see what this member runs."""
        own = self.member.own
        own.version = self.version
        if own.refused <= own.version:
            own.refused, own.problems = 0, None
        await self.engine.run(self.member.write)

    def prepare(self, decision: Decision, version: int) -> None:
        """Have look-ups return this version from the moment of its commit on."""
        candidate = decision.candidate
        if candidate is None:
            return
        if decision.change is None and self.engine.current is not None:
            candidate.value = self.engine.current.value
        self._prepared = _Prepared(version, decision, candidate)
        self._view.expose()

    def settle(self, *, committed: bool) -> None:
        """Have what was prepared take effect, or drop it."""
        if committed:
            self._settle()
        self._drop()

    def _settle(self) -> bool:
        """Have what was prepared take effect if it was committed; return whether."""
        prepared = self._prepared
        if prepared is not None and self.flag.version == prepared.version:
            self._effect(prepared.decision, prepared.version)
            self._drop()
            return True
        return False

    def _drop(self) -> None:
        self._prepared = None
        self._view.expose()

    def _effect(self, decision: Decision, version: int) -> None:
        engine = self.engine
        first = engine.current is None
        engine.adopt(decision)
        self.version = version
        if engine.current is not None:
            self._view.swap(engine.current, version)
        if decision.change is not None and not first:
            engine.callbacks.post(decision.change)
        engine.set_problems(())
        if not self._value.done():
            self._value.set_result(None)

    async def _answer(self, state: GroupState) -> None:
        decision = await self.engine.decide(state.offered, state.offer)
        if decision.problems:
            await self._refuse(state.offer, decision.problems)
            return
        self.prepare(decision, state.offer)
        self.member.own.prepared = state.offer
        await self.engine.run(self.member.write)

    async def _refuse(self, version: int, problems: Sequence[Problem]) -> None:
        own = self.member.own
        own.refused, own.problems = version, [str(problem) for problem in problems]
        self.engine.set_problems(problems)
        await self.engine.run(self.member.write)

    async def _on_state(self) -> None:
        if self._leading is not None:
            await self._leading.keep_state()
            return
        try:
            state = await self.engine.run(read_state, self.folder)
        except (OSError, UnsafeFolder) as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                _log.error("can't read the state of group %s: %s", self.options.group, error)
            return
        if state is None:
            return
        async with self.turn:
            if self._leading is None:
                await self.take(state)

    # -- leading

    async def _take_over(self) -> None:
        while True:
            try:
                await self._leadership.acquire()
                await self._lead()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self._leadership.release()
                if not self._value.done():
                    self._value.set_exception(error)
                    return
                _log.error("leading group %s failed: %s", self.options.group, error)
                await asyncio.sleep(_RETRY_S)
            else:
                return

    async def _lead(self) -> None:
        leader = Leader(self)
        try:
            await leader.start(lambda: self._set_leading(leader))
        except BaseException:
            self._leading = None
            await leader.stop()
            raise
        async with self._progress:
            self._progress.notify_all()

    def _set_leading(self, leader: Leader) -> None:
        self._leading = leader

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a task that ends with the membership."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _open(self) -> None:
        engine = self.engine
        identity = [engine.model.name, *(source.name for source in engine.sources), *engine.local_paths]
        self.folder = GroupFolder.make(self.options.group, identity)
        self.flag = CommitFlag(self.folder.flag)
        self._leadership = Leadership(self.folder.lock, self.folder.pipe)
        self.member = MemberFile(self.folder)
        self.member.open()
        self._is_open = True
