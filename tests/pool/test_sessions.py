"""One session harms no other: what it raises, leaves behind, or sets ends with it."""

from __future__ import annotations

import asyncio
import gc
from contextvars import ContextVar
from functools import partial
from weakref import ref

import pytest

from reloadls.pool import Outcome, Session, SessionPool, current_session

from .support import Ended, FakeClock, obey, orders, settle

VARIABLE: ContextVar[str] = ContextVar("variable", default="none")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        SystemExit(3),
        KeyboardInterrupt(),
        Ended(),
        GeneratorExit(),
        ExceptionGroup("many", [OSError()]),
    ],
    ids=repr,
)
async def test_what_a_session_raises_ends_only_itself(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    ended: list[str] = []

    async def on_end(session: Session) -> None:
        assert session.outcome == "failed"
        assert session.error is error
        ended.append(session.id)

    async with SessionPool(obey, on_end=on_end) as pool:
        other = await pool.launch("other", orders())
        handle = await pool.launch("bad", orders(error))
        assert await handle.wait() == "failed"
        assert handle.error is error
        assert other.state == "running"
        assert ended == ["bad"]
        assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["session 'bad' failed"]
        assert pool.status.last_error == f"bad: {type(error).__name__}: {error}"
        other.cancel()
        with pytest.raises(AssertionError):
            assert await other.wait() == "failed"


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt()], ids=repr)
async def test_what_a_task_of_a_session_raises_ends_only_the_session(error: BaseException) -> None:
    async def child() -> None:
        raise error

    async def parent(session: Session) -> None:
        if session.data:
            task = asyncio.create_task(child())
            await asyncio.gather(task)
        await asyncio.Event().wait()

    async with SessionPool(parent) as pool:
        other = await pool.launch("other")
        handle = await pool.launch("bad", True)
        assert await handle.wait() == "failed"
        assert handle.error is error
        assert other.state == "running"


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("data", ["end", ValueError(), None], ids=["success", "failed", "cancelled"])
async def test_on_end_runs_once_and_what_it_raises_changes_nothing(data: object, plain: bool) -> None:
    calls: list[str] = []

    def on_end(session: Session) -> None:
        assert current_session() is session
        calls.append(session.id)
        raise SystemExit("on_end")

    async def on_end_async(session: Session) -> None:
        on_end(session)

    async with SessionPool(obey, on_end=on_end if plain else on_end_async) as pool:
        handle = await pool.launch("a", orders(*([] if data is None else [data])))
        if data is None:
            await settle(lambda: handle.state == "running")
            handle.cancel()
        expected: Outcome = "cancelled" if data is None else "success" if data == "end" else "failed"
        assert await handle.wait() == expected
    assert calls == ["a"]


async def test_a_session_that_is_cancelled_before_its_first_step_never_runs_but_ends() -> None:
    calls: list[str] = []

    async def never(session: Session) -> None:
        calls.append("entrypoint")

    async def on_end(session: Session) -> None:
        calls.append(f"on_end {session.outcome}")

    async with SessionPool(never, on_end=on_end) as pool:
        handle = await pool.launch("a")
        assert handle.state == "starting"
        handle.cancel()
        assert await handle.wait() == "cancelled"
        other = await pool.launch("b")
        (task,) = [task for task in asyncio.all_tasks() if task.get_name() == "session b"]
        task.cancel()  # by somebody else
        assert await other.wait() == "cancelled"
    assert calls == ["on_end cancelled"] * 2


async def test_on_end_is_late() -> None:
    clock, started, stopped = FakeClock(), asyncio.Event(), asyncio.Event()

    async def on_end(session: Session) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with SessionPool(obey, on_end=on_end, end_timeout_s=3, clock=clock) as pool:
        handle = await pool.launch("a", orders("end"))
        await started.wait()
        clock.advance(2.9)
        assert handle.state == "running"
        clock.advance(0.2)
        assert await handle.wait() == "success"
        await stopped.wait()
    assert clock.pending == 0


async def test_a_second_cancel_does_not_reach_on_end() -> None:
    started, go = asyncio.Event(), asyncio.Event()
    finished: list[str] = []

    async def on_end(session: Session) -> None:
        started.set()
        async with asyncio.timeout(60):
            await go.wait()
        finished.append(session.id)

    async with SessionPool(obey, on_end=on_end) as pool:
        handle = await pool.launch("a", orders())
        await settle(lambda: handle.state == "running")
        handle.cancel()
        await started.wait()
        handle.cancel()
        go.set()
        assert await handle.wait() == "cancelled"
    assert finished == ["a"]


async def test_context_variables_of_one_session_never_reach_another() -> None:
    seen: dict[str, str] = {}

    async def talk(session: Session) -> None:
        seen[session.id] = VARIABLE.get()
        VARIABLE.set(session.id)
        assert current_session() is pool.current() is session
        if session.data:
            inner = await pool.launch("inner")
            await inner.wait()

        async def child() -> None:
            assert pool.current() is session

        await asyncio.create_task(child())

    VARIABLE.set("of the pool")
    async with SessionPool(talk) as pool:
        VARIABLE.set("of the caller")
        assert pool.current() is None
        assert await (await pool.launch("outer", True)).wait() == "success"
    assert seen == {"outer": "of the pool", "inner": "of the pool"}


async def test_what_setup_puts_there_is_what_sessions_see() -> None:
    async def setup(shared: dict[str, str]) -> None:
        shared["model"] = "large"
        VARIABLE.set("of setup")

    async def talk(session: Session) -> None:
        assert session.shared.model == "large"
        assert VARIABLE.get() == "of setup"
        with pytest.raises(AttributeError, match="'missing'"):
            _ = session.shared.missing

    async with SessionPool(talk, setup=setup) as pool:
        handle = await pool.launch("a")
        assert await handle.wait() == "success"


async def test_tasks_that_are_left_behind_are_cancelled_and_named(caplog: pytest.LogCaptureFixture) -> None:
    tasks: list[asyncio.Task[None]] = []

    async def forever() -> None:
        await asyncio.Event().wait()

    async def nested() -> None:
        tasks.append(asyncio.create_task(forever(), name="the nested one"))

    async def talk(session: Session) -> None:
        tasks.append(asyncio.create_task(forever(), name="the child"))
        await asyncio.create_task(nested())

    async with SessionPool(talk) as pool:
        handle = await pool.launch("a")
        assert await handle.wait() == "success"
        assert all(task.cancelled() for task in tasks)
        assert "session 'a' left 2 tasks behind, which are cancelled: the child, the nested one" in caplog.messages


async def test_left_behind_tasks_that_ignore_their_cancellation_hold_the_end_for_a_while_only() -> None:
    clock, release = FakeClock(), asyncio.Event()
    tasks: list[asyncio.Task[None]] = []

    async def deaf() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    async def talk(session: Session) -> None:
        tasks.append(asyncio.create_task(deaf()))
        await asyncio.sleep(0)

    async with SessionPool(talk, end_timeout_s=3, clock=clock) as pool:
        handle = await pool.launch("a")
        await settle(lambda: clock.pending)
        clock.advance(3)
        assert await handle.wait() == "success"
    release.set()
    await tasks[0]


async def test_a_task_that_never_began_leaves_no_warning() -> None:
    async def child() -> None:
        raise AssertionError("it was cancelled before")

    async def talk(session: Session) -> None:
        asyncio.create_task(child()).cancel()

    async with SessionPool(talk) as pool:
        handle = await pool.launch("a")
        assert await handle.wait() == "success"


async def test_the_loops_own_task_factory_is_kept() -> None:
    loop, made = asyncio.get_running_loop(), []

    def factory(loop: asyncio.AbstractEventLoop, coro: object, **options: object) -> asyncio.Task[None]:
        made.append(coro)
        return asyncio.Task(coro, loop=loop, **options)  # type: ignore[arg-type]

    async def talk(session: Session) -> None:
        await asyncio.create_task(asyncio.sleep(0))

    loop.set_task_factory(factory)  # type: ignore[arg-type]
    async with SessionPool(talk) as pool:
        await (await pool.launch("a")).wait()
    assert loop.get_task_factory() is factory
    assert made
    loop.set_task_factory(None)


async def test_a_session_that_swallows_its_cancellation_and_returns_is_a_success() -> None:
    async def polite(session: Session) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    async with SessionPool(polite) as pool:
        handle = await pool.launch("a")
        await settle(lambda: handle.state == "running")
        handle.cancel()
        assert await handle.wait() == "success"


async def test_a_handle_may_be_cancelled_from_another_thread() -> None:
    async with SessionPool(obey) as pool:
        handle = await pool.launch("a", orders())
        await asyncio.to_thread(handle.cancel)
        assert await handle.wait() == "cancelled"


async def test_a_partial_and_a_method_are_entrypoints(caplog: pytest.LogCaptureFixture) -> None:
    class Bot:
        async def talk(self, session: Session) -> None:
            assert session.id

        async def __call__(self, session: Session) -> None:
            assert session.id

    async def named(word: str, session: Session) -> None:
        assert word == session.id

    for entrypoint in (Bot().talk, Bot(), partial(named, "a")):
        async with SessionPool(entrypoint) as pool:
            assert await (await pool.launch("a")).wait() == "success"
    assert not caplog.records


async def test_status_and_events_say_what_happens() -> None:
    clock = FakeClock()
    async with SessionPool(obey, max_sessions=4, clock=clock) as pool:
        events = pool.events()
        await pool.launch("a", orders("end"))
        await (await pool.launch("b", orders(ValueError("no")))).wait()
        handle = await pool.launch("c", orders())
        clock.advance(7)
        status = pool.status
        assert (status.state, status.starting, status.running) == ("running", 1, 0)
        assert [(each.id, each.state, each.age_s) for each in status.sessions] == [("c", "starting", 7)]
        assert (status.succeeded, status.failed, status.cancelled) == (1, 1, 0)
        assert handle.started_at == clock.time() - 7
        pool.begin_drain()
    found = [(event.kind, event.session, event.outcome) async for event in events]
    assert sorted(found[:4], key=str) == sorted(
        [
            ("launched", "a", None),
            ("launched", "b", None),
            ("ended", "a", "success"),
            ("ended", "b", "failed"),
        ],
        key=str,
    )
    assert found[4:] == [
        ("launched", "c", None),
        ("draining", None, None),
        ("ended", "c", "cancelled"),
        ("closed", None, None),
    ]
    assert [event async for event in pool.events()] == []


async def test_events_that_nobody_reads_are_counted() -> None:
    async def short(session: Session) -> None:
        return

    async with SessionPool(short, max_sessions=1) as pool:
        events = pool.events()
        for number in range(5001):
            await (await pool.launch(str(number))).wait()
    found = [event async for event in events]
    assert (found[0].kind, found[0].message) == ("missed", "3 events were not read in time")
    assert len(found) == 10_001


async def test_a_session_whose_data_holds_its_tasks_is_collected_after_its_end() -> None:
    async def hold(session: Session) -> None:
        session.data.tasks = [asyncio.current_task(), asyncio.create_task(asyncio.sleep(0))]
        await session.data.tasks[1]

    class Data:
        tasks: list[object]

    async with SessionPool(hold) as pool:
        data = Data()
        collected = ref(data)
        handle = await pool.launch("a", data)
        assert await handle.wait() == "success"
        del data, handle
        await asyncio.sleep(0)
        gc.collect()
        assert collected() is None
