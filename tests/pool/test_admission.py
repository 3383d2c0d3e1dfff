"""Who gets a place: a hard limit, however many ask at once."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest

from reloadls.pool import (
    DuplicateSession,
    PoolDraining,
    PoolError,
    PoolFull,
    PoolNotRunning,
    Session,
    SessionHandle,
    SessionPool,
)

from .support import FakeClock, obey, orders, settle


async def test_a_full_pool_refuses_at_once_and_admits_again_after_an_end() -> None:
    async with SessionPool(obey, max_sessions=2) as pool:
        first = orders()
        handle = await pool.launch("a", first)
        await pool.launch("b", orders())
        with pytest.raises(PoolFull, match="all 2 places are taken"):
            await pool.launch("c", orders())
        assert pool.load == 1
        first.put_nowait("end")
        assert await handle.wait() == "success"
        assert (pool.active, pool.load) == (1, 0.5)
        await pool.launch("c", orders())


async def test_of_ten_thousand_racing_launches_a_hundred_are_live_at_most_and_each_other_is_refused() -> None:
    live = most = 0
    places: list[int] = []

    async def short(session: Session) -> None:
        nonlocal live, most
        live += 1
        most = max(most, live)
        for _ in range(session.data):
            await asyncio.sleep(0)
        live -= 1

    async with SessionPool(short, max_sessions=100) as pool:

        async def one(number: int) -> SessionHandle | PoolFull:
            for _ in range(number % 7):
                await asyncio.sleep(0)
            try:
                handle = await pool.launch(str(number), number % 11)
            except PoolFull as error:
                return error
            places.append(pool.active)
            await handle.wait()
            return handle

        answers = await asyncio.gather(*map(one, range(10_000)))
        admitted = [answer for answer in answers if isinstance(answer, SessionHandle)]
        assert max(places) == 100
        assert most <= 100
        assert pool.status.succeeded == len(admitted) >= 100
        assert {handle.outcome for handle in admitted} == {"success"}
        assert (pool.active, pool.load) == (0, 0)


async def test_those_who_wait_are_all_served_and_in_order() -> None:
    begun: list[str] = []

    async def short(session: Session) -> None:
        begun.append(session.id)
        await asyncio.sleep(0)

    async with SessionPool(short, max_sessions=3, clock=FakeClock()) as pool:
        handles = await asyncio.gather(*(pool.launch(f"{number:03}", wait_s=5) for number in range(200)))
        await asyncio.gather(*(handle.wait() for handle in handles))
    assert begun == sorted(begun)
    assert len(begun) == 200


async def test_a_waiter_gives_up_in_time_and_nobody_overtakes_the_others() -> None:
    clock = FakeClock()
    async with SessionPool(obey, max_sessions=1, clock=clock) as pool:
        first = orders()
        await pool.launch("a", first)
        short = asyncio.create_task(pool.launch("b", orders(), wait_s=1))
        long = asyncio.create_task(pool.launch("c", orders(), wait_s=5))
        await settle(lambda: pool.status.waiting == 2)
        clock.advance(2)
        with pytest.raises(PoolFull, match="stayed taken for 1 s"):
            await short
        first.put_nowait("end")
        await settle(lambda: pool.status.succeeded)
        with pytest.raises(PoolFull):
            await pool.launch("d", orders())
        assert (await long).id == "c"


async def test_a_cancelled_waiter_takes_no_place() -> None:
    async with SessionPool(obey, max_sessions=1) as pool:
        first = orders()
        handle = await pool.launch("a", first)
        waiter = asyncio.create_task(pool.launch("b", orders(), wait_s=5))
        await settle(lambda: pool.status.waiting)
        first.put_nowait("end")
        handle_ended = asyncio.create_task(handle.wait())
        await settle(lambda: handle.state == "ended")
        waiter.cancel()  # in the turn in which the place was granted
        await asyncio.gather(waiter, handle_ended, return_exceptions=True)
        assert pool.load == pool.active == int(not waiter.cancelled())


async def test_a_reservation_holds_its_place_until_it_is_used_or_left() -> None:
    async with SessionPool(obey, max_sessions=1) as pool:
        async with pool.reserve() as place:
            assert (pool.load, pool.active, pool.status.reserved) == (1, 0, 1)
            with pytest.raises(PoolFull):
                await pool.launch("b", orders())
            with pytest.raises(PoolFull):
                await pool.reserve().__aenter__()
            handle = await place.launch("a", orders())
            with pytest.raises(PoolError, match="holds no place"):
                await place.launch("c", orders())
        assert (pool.active, pool.status.reserved) == (1, 0)
        handle.cancel()
        await handle.wait()
        async with pool.reserve():
            pass
        assert pool.load == 0


async def test_an_id_is_unique_among_the_live() -> None:
    async with SessionPool(obey, max_sessions=3) as pool:
        handle = await pool.launch("a", orders())
        with pytest.raises(DuplicateSession, match="'a'"):
            await pool.launch("a", orders())
        async with pool.reserve() as place:
            with pytest.raises(DuplicateSession):
                await place.launch("a", orders())
            await place.launch("b", orders())
        handle.cancel()
        await handle.wait()
        await pool.launch("a", orders())
        assert pool.active == 2


async def test_two_waiters_with_one_id_become_one_session() -> None:
    async with SessionPool(obey, max_sessions=2) as pool:
        first, second = orders(), orders()
        await pool.launch("a", first)
        await pool.launch("b", second)
        both = [asyncio.create_task(pool.launch("c", orders(), wait_s=5)) for _ in range(2)]
        await settle(lambda: pool.status.waiting == 2)
        first.put_nowait("end")
        second.put_nowait("end")
        found = await asyncio.gather(*both, return_exceptions=True)
        assert [type(each) for each in found] == [SessionHandle, DuplicateSession]
        assert pool.load == 0.5


async def test_what_does_not_run_refuses_and_names_its_state() -> None:
    pool = SessionPool(obey, max_sessions=1)
    with pytest.raises(PoolNotRunning, match="the pool is new"):
        await pool.launch("a")
    with pytest.raises(PoolNotRunning, match="the pool is new"):
        pool.begin_drain()
    await pool.start()
    handle = await pool.launch("a", orders())
    waiter = asyncio.create_task(pool.launch("b", wait_s=5))
    await settle(lambda: pool.status.waiting)
    pool.begin_drain()
    with pytest.raises(PoolDraining, match="draining"):
        await pool.launch("b")
    with pytest.raises(PoolDraining, match="draining"):
        await waiter
    await pool.close()
    assert await handle.wait() == "cancelled"
    for refused in (pool.launch("a"), pool.start(), pool.reserve().__aenter__()):
        with pytest.raises(PoolNotRunning, match="the pool is closed"):
            await refused


async def test_another_thread_or_loop_is_refused() -> None:
    found: list[BaseException] = []

    async def attempt() -> None:
        await pool.launch("a", orders())

    def on_thread() -> None:
        for refused in (partial(asyncio.run, attempt()), pool.begin_drain):
            with pytest.raises(PoolError) as raised:
                refused()
            found.append(raised.value)

    async with SessionPool(obey) as pool:
        thread = threading.Thread(target=on_thread)
        thread.start()
        await asyncio.to_thread(thread.join)
        assert pool.active == 0
    assert [str(error).partition(";")[0] for error in found] == ["called outside of the pool's event loop"] * 2
