"""Start, drain, close, SIGTERM: in any order, by any number of callers."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import threading
import time

import pytest

from reloadls.pool import PoolNotRunning, Session, SessionPool, SetupFailed, Shared

from .support import FakeClock, obey, orders, settle


async def test_setup_runs_once_however_many_start() -> None:
    calls, go = 0, asyncio.Event()

    async def setup(shared: Shared) -> None:
        nonlocal calls
        calls += 1
        await go.wait()

    pool = SessionPool(obey, setup=setup)
    starts = [asyncio.create_task(pool.start()) for _ in range(20)]
    await settle(lambda: calls)
    with pytest.raises(PoolNotRunning, match="the pool is starting"):
        await pool.launch("a")
    starts[3].cancel()
    go.set()
    await asyncio.gather(*starts, return_exceptions=True)
    await pool.start()
    assert (calls, pool.status.state) == (1, "running")
    await pool.close()


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("error", [OSError("no model"), SystemExit(1), TimeoutError("mine")], ids=repr)
async def test_a_setup_that_fails_fails_the_start_with_its_cause(error: BaseException, plain: bool) -> None:
    def setup(shared: Shared) -> None:
        raise error

    async def setup_async(shared: Shared) -> None:
        setup(shared)

    pool = SessionPool(obey, setup=setup if plain else setup_async)
    threads = threading.active_count()
    for _ in range(2):
        with pytest.raises(SetupFailed, match="setup failed") as raised:
            await pool.start()
        assert raised.value.__cause__ is error
        assert pool.status.state == "new"
    assert len(asyncio.all_tasks()) == 1
    await settle(lambda: threading.active_count() == threads)
    await pool.close()


@pytest.mark.parametrize("plain", [False, True])
async def test_a_setup_that_is_late_fails_the_start(plain: bool) -> None:
    clock, started, release = FakeClock(), threading.Event(), threading.Event()

    def setup(shared: Shared) -> None:
        started.set()
        release.wait()

    async def setup_async(shared: Shared) -> None:
        started.set()
        await asyncio.Event().wait()

    pool = SessionPool(obey, setup=setup if plain else setup_async, setup_timeout_s=5, clock=clock)
    start = asyncio.create_task(pool.start())
    await settle(lambda: started.is_set() and clock.pending, turns=1_000_000)
    clock.advance(5)
    with pytest.raises(SetupFailed, match="not done within 5 s"):
        await start
    release.set()
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1
    assert clock.pending == 0


async def test_a_start_that_nobody_wants_any_more_is_ended() -> None:
    started = asyncio.Event()

    async def setup(shared: Shared) -> None:
        started.set()
        await asyncio.Event().wait()

    pool = SessionPool(obey, setup=setup)
    start = asyncio.create_task(pool.start())
    await started.wait()
    start.cancel()
    await asyncio.gather(start, return_exceptions=True)
    await settle(lambda: pool.status.state == "new")


async def test_close_ends_a_start() -> None:
    started = asyncio.Event()

    async def setup(shared: Shared) -> None:
        started.set()
        await asyncio.Event().wait()

    pool = SessionPool(obey, setup=setup)
    start = asyncio.create_task(pool.start())
    await started.wait()
    await pool.close()
    with pytest.raises(PoolNotRunning, match="closed while it was starting"):
        await start


async def test_drain_waits_for_sessions_and_says_whether_all_ended() -> None:
    clock = FakeClock()
    async with SessionPool(obey, clock=clock) as pool:
        queues = [orders(), orders()]
        for number, queue in enumerate(queues):
            await pool.launch(str(number), queue)
        drains = [asyncio.create_task(pool.drain(5)) for _ in range(3)]
        queues[0].put_nowait("end")
        await settle(lambda: pool.active == 1 and clock.pending == 3)
        clock.advance(5)
        assert await asyncio.gather(*drains) == [False] * 3
        queues[1].put_nowait("end")
        assert await pool.drain()
        assert await pool.drain(0)
        assert pool.status.state == "draining"
    assert pool.status.succeeded == 2


async def test_a_session_may_drain_and_close_its_pool() -> None:
    async def last(session: Session) -> None:
        assert await pool.drain()
        await pool.close()

    async with SessionPool(last) as pool:
        handle = await pool.launch("a")
        assert await handle.wait() == "cancelled"
        await pool.close()
    assert pool.status.state == "closed"


async def test_close_cancels_and_the_supervisor_counts_none_of_it() -> None:
    counts: list[int] = []
    pool = SessionPool(obey, failure_limit=1, on_failure_limit=counts.append)
    await pool.start()
    handles = [await pool.launch(str(number), orders()) for number in range(5)]
    await settle(lambda: all(handle.state == "running" for handle in handles))
    await asyncio.gather(pool.close(), pool.close(), pool.drain())
    assert {handle.outcome for handle in handles} == {"cancelled"}
    assert counts == []
    assert len(asyncio.all_tasks()) == 1
    await pool.close()


async def test_close_abandons_what_ignores_its_cancellation(caplog: pytest.LogCaptureFixture) -> None:
    clock, ends = FakeClock(), []

    async def on_end(session: Session) -> None:
        ends.append((session.id, session.outcome))

    pool = SessionPool(obey, on_end=on_end, close_timeout_s=9, clock=clock)
    await pool.start()
    queue = orders(deaf=True)
    deaf, other = await pool.launch("deaf", queue), await pool.launch("other", orders())
    await settle(lambda: deaf.state == other.state == "running")
    close = asyncio.create_task(pool.close())
    assert await other.wait() == "cancelled"
    await settle(lambda: clock.pending)
    clock.advance(9)
    await close
    assert (await deaf.wait(), pool.active, pool.load) == ("cancelled", 0, 0)
    assert sorted(ends) == [("deaf", "cancelled"), ("other", "cancelled")]
    assert "session 'deaf' ignored its cancellation; the pool is closed without it" in caplog.messages
    queue.put_nowait("end")
    await settle(lambda: len(asyncio.all_tasks()) == 1)
    assert len(ends) == 2


async def test_close_waits_for_an_end_that_is_under_way_and_runs_it_once() -> None:
    clock, started, go, ends = FakeClock(), asyncio.Event(), asyncio.Event(), 0

    async def on_end(session: Session) -> None:
        nonlocal ends
        ends += 1
        started.set()
        await go.wait()

    pool = SessionPool(obey, on_end=on_end, end_timeout_s=100, close_timeout_s=1, clock=clock)
    await pool.start()
    handle = await pool.launch("a", orders("end"))
    await started.wait()
    close = asyncio.create_task(pool.close())
    await settle(lambda: clock.pending == 2)
    clock.advance(1)
    go.set()
    await close
    assert (handle.outcome, ends) == ("success", 1)


async def test_a_closed_pool_leaves_nothing() -> None:
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        async with SessionPool(obey) as pool:
            await pool.launch("a", orders())
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert len(asyncio.all_tasks()) == 1
    assert asyncio.get_running_loop().get_task_factory() is None
    gc.collect()


async def test_a_pool_that_was_never_started_may_be_closed() -> None:
    pool = SessionPool(obey)
    await pool.close()
    with pytest.raises(PoolNotRunning, match="closed and can't be started again"):
        await pool.start()


async def test_sigterm_drains_and_a_second_one_closes() -> None:
    before = signal.getsignal(signal.SIGTERM)
    for second in (False, True):
        pool = SessionPool(obey, max_sessions=200)
        run = asyncio.create_task(pool.run())
        await settle(lambda: pool.status.state == "running")  # noqa: B023
        queues = [orders() for _ in range(200)]
        handles = [await pool.launch(str(number), queue) for number, queue in enumerate(queues)]
        os.kill(os.getpid(), signal.SIGTERM)
        await settle(lambda: pool.status.state == "draining")  # noqa: B023
        assert pool.active == 200
        if second:
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            for queue in queues:
                queue.put_nowait("end")
        assert await run is not second
        assert {handle.outcome for handle in handles} == {"cancelled" if second else "success"}
    assert signal.getsignal(signal.SIGTERM) == before


async def test_sigterm_while_setup_runs_ends_the_run() -> None:
    started = asyncio.Event()

    async def setup(shared: Shared) -> None:
        started.set()
        await asyncio.Event().wait()

    run = asyncio.create_task(SessionPool(obey, setup=setup).run())
    await started.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    assert await run is False


async def test_run_fails_as_start_does() -> None:
    def setup(shared: Shared) -> None:
        raise OSError("no model")

    with pytest.raises(SetupFailed, match="no model"):
        await SessionPool(obey, setup=setup).run()


async def test_the_event_loop_may_end_under_a_session() -> None:
    ends: list[str] = []

    async def on_end(session: Session) -> None:
        ends.append(session.id)

    async def main() -> None:
        pool = SessionPool(obey, on_end=on_end)
        await pool.start()
        await pool.launch("a", orders())
        await asyncio.sleep(0)
        await pool._backend.stop()

    await asyncio.to_thread(asyncio.run, main())
    assert ends == ["a"]


async def test_a_session_that_blocks_the_loop_is_named_with_its_stack(caplog: pytest.LogCaptureFixture) -> None:
    reported = threading.Event()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            reported.set()

    def block() -> None:
        assert reported.wait(60)

    async def talk(session: Session) -> None:
        if session.data:
            block()

    log = logging.getLogger("reloadls.pool.local")
    handler = Handler()
    log.addHandler(handler)
    try:
        async with SessionPool(talk) as pool:
            events = pool.events()
            await (await pool.launch("quick")).wait()
            began = time.monotonic()
            handle = await pool.launch("slow", True)
            assert await handle.wait() == "success"
            assert time.monotonic() - began >= 0.25
    finally:
        log.removeHandler(handler)
    (record,) = caplog.records
    assert record.getMessage().startswith("session 'slow' has held the event loop for ")
    assert "block()" in record.getMessage()
    assert "run_forever" not in record.getMessage()
    found = [event async for event in events if event.kind == "blocked"]
    assert [event.session for event in found] == ["slow"]
