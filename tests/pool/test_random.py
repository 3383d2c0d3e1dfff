"""Launch, end, fail, cancel, block, pin, reload, drain, close in any order: what always holds."""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from reloadls.base.pins import session_pins
from reloadls.pool import PoolDraining, PoolError, PoolFull, PoolNotRunning, Session, SessionHandle, SessionPool

from .program import Program
from .support import Ended, FakeClock, orders

STEPS = int(os.environ.get("RELOADLS_TEST_OPERATIONS", "5000"))
PLACES = 4
ERRORS = [ValueError("no"), SystemExit(1), KeyboardInterrupt(), Ended(), GeneratorExit()]


CODE = """
def number():
    return 0

def word():
    return number()

LIMIT = 1
"""


class Pool(RuleBasedStateMachine):
    """One pool, from its start to its end."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.program = Program(Path(self.folder.name), pool_random=CODE)
        self.version = 0
        self.pinned_at: dict[str, int] = {}
        self.wrong: list[str] = []
        self.threads = threading.active_count()
        self.runner = asyncio.Runner()
        self.faults: list[object] = []
        self.runner.get_loop().set_exception_handler(lambda loop, context: self.faults.append(context))
        self.clock = FakeClock()
        self.ends: Counter[str] = Counter()
        self.entered: Counter[str] = Counter()
        self.handles: list[SessionHandle] = []
        self.queues: dict[str, asyncio.Queue[Any]] = {}
        self.waiting: list[asyncio.Task[SessionHandle]] = []
        self.closing: list[asyncio.Task[object]] = []
        self.state = "running"
        self.numbers = 0

    @initialize(failure_limit=st.integers(1, 4), end_timeout_s=st.sampled_from([5, 20]))
    def start(self, failure_limit: int, end_timeout_s: int) -> None:
        self.pool = SessionPool(
            self.talk,
            max_sessions=PLACES,
            on_end=self.on_end,
            failure_limit=failure_limit,
            end_timeout_s=end_timeout_s,
            close_timeout_s=7,
            clock=self.clock,
        )
        self.runner.run(self.pool.start())

    async def talk(self, session: Session) -> None:
        self.entered[session.id] += 1
        assert self.pool.current() is session
        await self.obey(session)

    async def obey(self, session: Session) -> bool:
        """Follow orders, those of a pin inside of another one; returns whether to go on after that."""
        while True:
            try:
                order = await session.data.get()
            except asyncio.CancelledError:
                if session.data.deaf:
                    continue
                raise
            match order:
                case "end":
                    return False
                case "unpin":
                    return True
                case "ask":
                    self.check_word(session)
                case "block":
                    time.sleep(0.002)
                case "pin":
                    outermost = session.id not in self.pinned_at
                    self.pinned_at.setdefault(session.id, self.version)
                    try:
                        with session.pin():
                            if not await self.obey(session):
                                return False
                    finally:
                        if outermost:
                            del self.pinned_at[session.id]
                case _:
                    raise order

    def check_word(self, session: Session) -> None:
        """A pinned session has the code from when its pin began, all others have the newest."""
        word, expected = self.program["pool_random"].word(), self.pinned_at.get(session.id, self.version)
        if word != expected and not session._life.abandoned:
            self.wrong.append(f"{session.id}: {word} instead of {expected}")

    async def on_end(self, session: Session) -> None:
        self.ends[session.id] += 1
        if any(order not in ("ask", "unpin", "pin", "block") for order in session.data._queue):
            await asyncio.Event().wait()  # until it is late
        if int(session.id) % 3 == 0:
            raise ValueError("in on_end")

    def turns(self, count: int = 5) -> None:
        async def wait() -> None:
            for _ in range(count):
                await asyncio.sleep(0)

        self.runner.run(wait())

    def new(self, deaf: bool) -> tuple[str, asyncio.Queue[Any]]:
        self.numbers += 1
        id = str(self.numbers)
        self.queues[id] = orders(deaf=deaf)
        return id, self.queues[id]

    @rule(deaf=st.booleans(), turns=st.integers(0, 3))
    def launch(self, deaf: bool, turns: int) -> None:
        full = False

        async def attempt() -> SessionHandle | PoolError:
            nonlocal full
            full = self.pool.load == 1
            try:
                return await self.pool.launch(*self.new(deaf))
            except PoolError as error:
                return error

        found = self.runner.run(attempt())
        if self.state == "running":
            assert isinstance(found, PoolFull if full else SessionHandle)
        else:
            assert isinstance(found, PoolDraining if self.state == "draining" else PoolNotRunning)
        if isinstance(found, SessionHandle):
            self.handles.append(found)
        self.turns(turns)

    @rule(wait_s=st.integers(1, 9))
    def launch_and_wait(self, wait_s: int) -> None:
        async def begin() -> None:
            self.waiting.append(asyncio.create_task(self.pool.launch(*self.new(False), wait_s=wait_s)))
            await asyncio.sleep(0)

        self.runner.run(begin())

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up_waiting(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.waiting)).cancel()

    @rule(used=st.booleans())
    def reserve(self, used: bool) -> None:
        async def attempt() -> None:
            full = self.pool.load == 1
            try:
                async with self.pool.reserve() as place:
                    assert self.pool.load <= 1
                    if used:
                        self.handles.append(await place.launch(*self.new(False)))
            except PoolError:
                assert self.state != "running" or full

        self.runner.run(attempt())

    @property
    def live(self) -> list[SessionHandle]:
        return [handle for handle in self.handles if handle.state != "ended"]

    @precondition(lambda self: self.live)
    @rule(
        data=st.data(),
        order=st.sampled_from(["end", *ERRORS]),
        more=st.booleans(),
        turns=st.integers(0, 6),
    )
    def order(self, data: st.DataObject, order: object, more: bool, turns: int) -> None:
        """End or fail; with more orders than it reads, its `on_end` is late."""
        queue = self.queues[data.draw(st.sampled_from(self.live)).id]
        for _ in range(1 + more):
            queue.put_nowait(order)
        self.turns(turns)

    @precondition(lambda self: self.live)
    @rule(
        data=st.data(),
        first=st.sampled_from(["pin", "unpin", "ask", "block"]),
        turns=st.integers(0, 6),
    )
    def go_on(self, data: st.DataObject, first: str, turns: int) -> None:
        """Pin, release, block the event loop for a moment, and ask what the code is."""
        queue = self.queues[data.draw(st.sampled_from(self.live)).id]
        queue.put_nowait(first)
        queue.put_nowait("ask")
        self.turns(turns)

    @rule(good=st.booleans(), syntax=st.booleans())
    def reload(self, good: bool, syntax: bool) -> None:
        """Edit the program; a bad edit is taken back, and the next one takes its place."""
        change = (f"return {self.version}", f"return {self.version + 1}")
        bad = ("LIMIT = 1", "LIMIT = (" if syntax else "LIMIT = 1 / 0")

        async def edit(*replacements: tuple[str, str]) -> str:
            return self.program.edit("pool_random", *replacements).status

        if not good:
            assert self.runner.run(edit(change, bad)) == "failed"
            assert self.program["pool_random"].word() == self.version
            assert self.runner.run(edit(change[::-1], bad[::-1])) in ("unchanged", "reloaded")
            assert self.program["pool_random"].word() == self.version
        else:
            self.version += 1
            assert self.runner.run(edit(change)) == "reloaded"
        assert self.program["pool_random"].word() == self.version  # outside of sessions
        for queue in self.queues.values():
            queue.put_nowait("ask")
        self.turns()

    @precondition(lambda self: self.live)
    @rule(data=st.data(), turns=st.integers(0, 6))
    def cancel(self, data: st.DataObject, turns: int) -> None:
        data.draw(st.sampled_from(self.live)).cancel()
        self.turns(turns)

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def cancel_from_outside(self, data: st.DataObject) -> None:
        """Somebody cancels the task itself, at any moment."""
        id = data.draw(st.sampled_from(self.live)).id
        for task in asyncio.all_tasks(self.runner.get_loop()):
            if task.get_name() == f"session {id}":
                task.cancel()
        self.turns()

    @rule(seconds=st.integers(1, 10))
    def let_time_pass(self, seconds: int) -> None:
        async def advance() -> None:
            self.clock.advance(seconds)

        self.runner.run(advance())
        self.turns()

    @rule(timeout_s=st.sampled_from([0, 3]), seldom=st.integers(0, 40))
    def drain(self, timeout_s: int, seldom: int) -> None:
        if seldom == 27:
            self.shut(self.pool.drain(timeout_s))
            self.state = "draining" if self.state == "running" else self.state

    @rule(seldom=st.integers(0, 40))
    def close(self, seldom: int) -> None:
        if seldom == 27:
            self.shut(self.pool.close())
            self.state = "closed"

    def shut(self, call: Any) -> None:
        async def begin() -> None:
            self.closing.append(asyncio.create_task(call))
            await asyncio.sleep(0)

        self.runner.run(begin())

    @invariant()
    def collect(self) -> None:
        for task in [task for task in self.waiting if task.done()]:
            self.waiting.remove(task)
            if not task.cancelled() and task.exception() is None:
                self.handles.append(task.result())
            elif not task.cancelled():
                assert isinstance(task.exception(), PoolError)

    @invariant()
    def capacity(self) -> None:
        if not hasattr(self, "pool"):
            return
        assert self.pool.active <= PLACES
        assert self.pool.active / PLACES <= self.pool.load <= 1
        status = self.pool.status
        assert status.starting + status.running == self.pool.active == len(status.sessions)

    @invariant()
    def pins(self) -> None:
        assert not self.wrong
        pinned = {handle.id for handle in self.live if handle.pinned}
        assert {session.id for session in session_pins.since} == pinned
        if not pinned:
            functions = [self.program["pool_random"].word, self.program["pool_random"].number]
            assert not [each for each in functions if any(map(callable, each.__code__.co_consts))]

    @invariant()
    def counts_add_up(self) -> None:
        if not hasattr(self, "pool"):
            return
        status = self.pool.status
        outcomes = Counter(handle.outcome for handle in self.handles if handle.outcome is not None)
        assert (status.succeeded, status.failed, status.cancelled) == (
            outcomes["success"],
            outcomes["failed"],
            outcomes["cancelled"],
        )
        assert all(count == 1 for count in self.ends.values())
        assert all(count == 1 for count in self.entered.values())
        for handle in self.handles:
            assert handle.state != "ended" or self.ends[handle.id] == 1
            assert (handle.error is not None) == (handle.outcome == "failed")

    def teardown(self) -> None:
        if hasattr(self, "pool"):
            self.shut(self.pool.close())
            for _ in range(6):
                self.let_time_pass(10)
            self.collect()
            assert all(task.done() for task in self.closing)
            assert not self.waiting
            assert self.pool.active == self.pool.load == 0
            assert all(handle.state == "ended" for handle in self.handles)
            assert {handle.id for handle in self.handles} == set(self.ends)
            for queue in self.queues.values():
                queue.put_nowait("end")  # for those that were abandoned
            self.turns(50)
            self.counts_add_up()
            assert self.clock.pending == 0
            left = {task.get_name() for task in asyncio.all_tasks(self.runner.get_loop())}
            assert not left
            assert not self.faults
        self.runner.close()
        self.program.close()
        self.folder.cleanup()
        assert not session_pins.since
        assert threading.active_count() == self.threads


def test_what_always_holds() -> None:
    # Without the phase that explains a failure: it runs each step thousands of times.
    phases = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
    examples = max(1, STEPS // 50)
    run_state_machine_as_test(Pool, settings=settings(max_examples=examples, stateful_step_count=50, phases=phases))
