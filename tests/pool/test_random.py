"""Launch, end, fail, cancel, block, drain, close in any order: what always holds."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
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

from reloadls.pool import PoolDraining, PoolError, PoolFull, PoolNotRunning, Session, SessionHandle, SessionPool

from .support import Ended, FakeClock, obey, orders

STEPS = int(os.environ.get("RELOADLS_TEST_OPERATIONS", "5000"))
PLACES = 4
ERRORS = [ValueError("no"), SystemExit(1), KeyboardInterrupt(), Ended(), GeneratorExit()]


class Pool(RuleBasedStateMachine):
    """One pool, from its start to its end."""

    def __init__(self) -> None:
        super().__init__()
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
        await obey(session)

    async def on_end(self, session: Session) -> None:
        self.ends[session.id] += 1
        if session.data.qsize():
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
            self.turns()
            self.counts_add_up()
            assert self.clock.pending == 0
            left = {task.get_name() for task in asyncio.all_tasks(self.runner.get_loop())}
            assert not left
            assert not self.faults
        self.runner.close()
        assert threading.active_count() == self.threads


def test_what_always_holds() -> None:
    # Without the phase that explains a failure: it runs each step thousands of times.
    phases = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
    examples = max(1, STEPS // 50)
    run_state_machine_as_test(Pool, settings=settings(max_examples=examples, stateful_step_count=50, phases=phases))
