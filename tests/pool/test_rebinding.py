"""Live sessions follow edits: what their objects were built from, at a moment that suits each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reloadls.base.live_sessions import live_sessions
from reloadls.base.pins import session_pins
from reloadls.pool import Session, SessionHandle, SessionPool
from reloadls.reload import ReloadReport, SessionCounts

from .program import Program
from .support import settle

AGENTS = """
from pool_words import GREETING, polite

class Agent:
    def __init__(self):
        self.prompt = polite("hello")

    def __rebind__(self, report):
        self.__init__()

class Other:
    def __init__(self):
        self.prompt = "other"

    def __rebind__(self, report):
        self.__init__()

def unused():
    return 1
"""
WORDS = """
GREETING = "dear"

def polite(word):
    return f"{word}, {GREETING}"
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    found = Program(tmp_path, pool_agents=AGENTS, pool_words=WORDS)
    yield found
    found.close()
    assert not session_pins.since


async def hold(session: Session) -> None:
    session.bind(session.data)
    await asyncio.Event().wait()


async def live(pool: SessionPool, count: int, make: Any, kind: str = "s") -> list[tuple[SessionHandle, Any]]:
    found = []
    for number in range(count):
        made = make()
        found.append((await pool.launch(f"{kind}{number}", made), made))
    await settle(lambda: pool.status.running == pool.active)
    return found


@pytest.mark.parametrize("threaded", [False, True])
async def test_live_sessions_follow_what_their_objects_were_built_from(program: Program, threaded: bool) -> None:
    async def edit(name: str, old: str, new: str) -> SessionCounts:
        change = name, (old, new)
        report = await asyncio.to_thread(program.edit, *change) if threaded else program.edit(*change)
        assert report.status == "reloaded"
        return report.sessions

    async with SessionPool(hold) as pool:
        agents = await live(pool, 3, program["pool_agents"].Agent)
        others = await live(pool, 2, program["pool_agents"].Other, "o")
        assert await edit("pool_agents", '"hello"', '"good day"') == SessionCounts(rebound=3)
        assert {agent.prompt for _, agent in agents} == {"good day, dear"}
        assert await edit("pool_words", "{word}, {GREETING}", "{GREETING}: {word}") == SessionCounts(rebound=3)
        assert await edit("pool_words", '"dear"', '"sir"') == SessionCounts(rebound=3)
        assert {agent.prompt for _, agent in agents} == {"sir: good day"}
        assert await edit("pool_agents", "return 1", "return 2") == SessionCounts()
        assert {other.prompt for _, other in others} == {"other"}
        assert {each.rebinds for each in pool.status.sessions if each.id.startswith("s")} == {3}
        assert {each.rebinds for each in pool.status.sessions if each.id.startswith("o")} == {0}


async def test_a_comment_touches_none(program: Program) -> None:
    async with SessionPool(hold) as pool:
        await live(pool, 2, program["pool_agents"].Agent)
        report = program.edit("pool_agents", ("class Agent:", "# a comment\nclass Agent:"))
        assert report.sessions == SessionCounts()


async def test_one_that_fails_keeps_its_state_and_is_counted(
    program: Program, caplog: pytest.LogCaptureFixture
) -> None:
    async with SessionPool(hold) as pool:

        @pool.on_rebind(program["pool_agents"].Agent)
        def rebind(session: Session, agent: Any, report: ReloadReport) -> None:
            assert pool.current() is session
            if session.id == "s1":
                raise SystemExit("no")
            agent.__init__()

        agents = await live(pool, 3, program["pool_agents"].Agent)
        report = program.edit("pool_agents", ('"hello"', '"good day"'))
        assert report.sessions == SessionCounts(rebound=2, failed=1)
        assert [agent.prompt for _, agent in agents] == ["good day, dear", "hello, dear", "good day, dear"]
        assert [each.last_error for each in pool.status.sessions] == [None, "SystemExit: no", None]
        assert "session 's1' could not follow a reload, and keeps its state" in caplog.messages
        assert {handle.state for handle, _ in agents} == {"running"}


async def test_a_pinned_session_follows_at_the_end_of_its_outermost_pin(program: Program) -> None:
    inner, leave_inner, leave = asyncio.Event(), asyncio.Event(), asyncio.Event()
    counts: list[Any] = []

    async def pinned(session: Session) -> None:
        session.bind(session.data)
        if session.id != "s0":
            await asyncio.Event().wait()
        with pytest.raises(KeyError), session.pin():
            with session.pin():
                inner.set()
                await leave_inner.wait()
            await leave.wait()
            await session.safe_point()
            assert session.data.prompt == "hello, dear"
            raise KeyError
        assert session.data.prompt == "good day, dear"

    stop = live_sessions.listen(lambda report, found: counts.append(found))
    async with SessionPool(pinned) as pool:
        (handle, agent), *others = await live(pool, 4, program["pool_agents"].Agent)
        await inner.wait()
        assert handle.pinned
        report = program.edit("pool_agents", ('"hello"', '"good day"'))
        assert report.sessions == SessionCounts(rebound=3, pinned=1)
        assert agent.prompt == "hello, dear"
        assert {each.prompt for _, each in others} == {"good day, dear"}
        leave_inner.set()
        await asyncio.sleep(0)
        assert handle.pinned
        leave.set()
        assert await handle.wait() == "success"
        assert (counts[-1].rebound, counts[-1].pinned) == (4, 0)
    stop()


async def test_a_pinned_session_that_ends_is_no_longer_counted(program: Program) -> None:
    async def pinned(session: Session) -> None:
        session.bind(session.data)
        with session.pin():
            await asyncio.Event().wait()

    counts: list[Any] = []
    stop = live_sessions.listen(lambda report, found: counts.append(found))
    async with SessionPool(pinned) as pool:
        ((handle, _),) = await live(pool, 1, program["pool_agents"].Agent)
        assert program.edit("pool_agents", ('"hello"', '"good day"')).sessions == SessionCounts(pinned=1)
        handle.cancel()
        await handle.wait()
        assert (counts[-1].rebound, counts[-1].pinned, counts[-1].failed) in {(0, 0, 0), (1, 0, 0)}
    stop()


async def test_rebinding_may_be_a_coroutine_and_a_safe_point_waits_for_it(program: Program) -> None:
    go, seen = asyncio.Event(), asyncio.Event()

    async def steps(session: Session) -> None:
        agent = session.bind(session.data)
        await seen.wait()
        await session.safe_point()
        assert agent.prompt == "good day, dear"

    async with SessionPool(steps) as pool:

        @pool.on_rebind(program["pool_agents"].Agent)
        async def rebind(session: Session, agent: Any, report: ReloadReport) -> None:
            await go.wait()
            agent.__init__()

        ((handle, _),) = await live(pool, 1, program["pool_agents"].Agent)
        assert program.edit("pool_agents", ('"hello"', '"good day"')).sessions == SessionCounts(pinned=1)
        seen.set()
        await asyncio.sleep(0)
        go.set()
        assert await handle.wait() == "success"


def test_what_is_registered_must_be_a_class() -> None:
    with pytest.raises(TypeError, match="must be a class"):
        SessionPool(hold).on_rebind(print)  # type: ignore[arg-type]


async def test_objects_that_a_session_has_later_are_found_at_each_reload(
    program: Program, caplog: pytest.LogCaptureFixture
) -> None:
    agents: list[Any] = []

    def fail() -> list[Any]:
        raise ValueError("not yet")

    async def grow(session: Session) -> None:
        session.bind_each(fail)
        session.bind_each(lambda: agents)
        await asyncio.Event().wait()

    async with SessionPool(grow) as pool:
        handle = await pool.launch("a")
        await settle(lambda: handle.state == "running")
        agents += [program["pool_agents"].Agent(), program["pool_agents"].Agent()]
        assert program.edit("pool_agents", ('"hello"', '"good day"')).sessions == SessionCounts(rebound=1)
        assert [agent.prompt for agent in agents] == ["good day, dear"] * 2
        assert "what session 'a' has bound could not be found" in caplog.messages
