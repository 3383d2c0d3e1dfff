"""A pool in the status of its program: what it shows, and that it can be drained from there."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from reloadls.base.hosted import hosted
from reloadls.pool import Session, SessionPool, SetupFailed
from reloadls.protocol import make_converter
from reloadls.protocol.hosted import PoolStatus

from .support import FakeClock, obey, orders, settle


@pytest.fixture(autouse=True)
def alone() -> None:
    """Other tests may have left pools open."""
    hosted.renew()


def shown() -> list[PoolStatus]:
    """The pools of this process, read as the service reads them."""
    pools: Any = make_converter().structure(hosted.status().get("pools", []), tuple[PoolStatus, ...])
    return list(pools)


async def test_a_pool_is_shown_from_its_start_to_its_end() -> None:
    pool = SessionPool(obey, max_sessions=3, clock=FakeClock())
    assert shown() == []
    async with pool:
        work = orders()
        handle = await pool.launch("ann", work)
        failing = await pool.launch("bob", orders(ValueError("no")))
        await failing.wait()
        async with pool.reserve():
            (found,) = shown()
        assert (found.name, found.state, found.active, found.max, found.reserved) == ("obey", "running", 1, 3, 1)
        assert (found.failed, found.consecutive_failures, found.last_error) == (1, 1, "bob: ValueError: no")
        (session,) = found.sessions
        assert (session.id, session.state, session.started_at) == ("ann", "running", "2023-11-14T22:30:00.000Z")
        assert shown() == [found] or shown()[0].reserved == 0  # nothing in it depends on when it is asked for
        work.put_nowait("end")
        await handle.wait()
        assert shown()[0].succeeded == 1
    assert shown() == []


async def hold(session: Session) -> None:
    with session.pin():
        await session.data.wait()


class Rooms:
    async def talk(self, session: Session) -> None:
        await session.data.wait()


@pytest.mark.parametrize(
    ("entrypoint", "name", "expected"),
    [(hold, "", "hold"), (partial(partial(hold)), "", "hold"), (Rooms().talk, "", "Rooms.talk"), (hold, "x", "x")],
)
async def test_what_a_pool_is_called(entrypoint: Any, name: str, expected: str) -> None:
    async with SessionPool(entrypoint, name=name), SessionPool(entrypoint, name=name):
        assert [pool.name for pool in shown()] == [expected, f"{expected}-2"]


def test_a_name_that_is_none() -> None:
    with pytest.raises(TypeError, match="name 5: must be a string"):
        SessionPool(hold, name=5)  # type: ignore[arg-type]


async def rooms(session: Session) -> None:
    if session.id == "900":
        await hold(session)
    await session.data.wait()


async def test_of_many_sessions_the_pinned_ones_are_listed() -> None:
    over = asyncio.Event()
    async with SessionPool(rooms, max_sessions=1000) as pool:
        for number in range(1000):
            await pool.launch(str(number), over)
        await settle(lambda: pool.status.running == 1000)
        (found,) = shown()
        assert (found.active, len(found.sessions), found.more, found.pinned) == (1000, 200, 800, 1)
        assert [session.id for session in found.sessions] == [*map(str, range(199)), "900"]
        assert len(pool.status.sessions) == 1000
        over.set()
        assert await pool.drain(60)


def test_a_pool_whose_loop_was_closed_is_not_shown() -> None:
    asyncio.run(SessionPool(rooms).start())
    assert shown() == []


async def test_it_is_drained_from_another_thread() -> None:
    async with SessionPool(obey) as pool:
        work = orders()
        handle = await pool.launch("ann", work)
        for _ in range(2):
            await asyncio.wrap_future(await asyncio.to_thread(hosted.run, "pools", "obey", "drain"))
            (found,) = shown()
            assert (found.state, found.active, found.drain_reason) == ("draining", 1, "asked by a client")
        work.put_nowait("end")
        assert await handle.wait() == "success"


async def test_a_pool_that_can_not_start_is_not_shown() -> None:
    def fail(shared: object) -> None:
        raise OSError("no model")

    with pytest.raises(SetupFailed):
        await SessionPool(obey, setup=fail).start()
    assert shown() == []


async def test_each_kind_of_change_is_announced() -> None:
    calls = []
    stop = hosted.listen(lambda: calls.append(1))

    def news() -> bool:
        found = bool(calls)
        calls.clear()
        return found

    pool = SessionPool(rooms, max_sessions=2)
    await pool.start()
    assert news()
    over = asyncio.Event()
    async with pool.reserve() as place:
        assert news()
        handle = await place.launch("900", over)
        assert news()
        await settle(lambda: handle.pinned)
        assert news()
    over.set()
    await handle.wait()
    assert news()
    await asyncio.sleep(0)
    assert not news()
    pool.begin_drain()
    assert news()
    await pool.close()
    assert news()
    stop()
