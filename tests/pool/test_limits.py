"""Pure decisions: failures in a row, memory, blocking, and which options are refused."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from reloadls.pool import SessionPool
from reloadls.pool.supervision.limits import FailureCount, MemoryWatch, resident_mb
from reloadls.pool.supervision.watchdog import BlockDetector

from .support import FakeClock, obey, orders, settle


def test_failures_in_a_row_are_reported_once_until_a_success() -> None:
    count = FailureCount(3)
    outcomes: list[Any] = ["failed", "failed", "cancelled", "failed", "failed", "success", *["failed"] * 4]
    assert [count.note(outcome) for outcome in outcomes] == [
        *(False, False, False, True, False, False),
        *(False, False, True, False),
    ]


def test_each_crossing_of_memory_is_reported_once() -> None:
    watch = MemoryWatch(100, 200)
    assert [watch.note(used) for used in (50, 100, 150, 99, 120, 200, 250, 150, 210)] == [
        *(None, "warning", None, None, "warning", "limit", None, None, "limit")
    ]
    assert not MemoryWatch(0, 0).enabled
    assert MemoryWatch(0, 0).note(1e9) is None
    assert 5 < resident_mb() < 100_000


def test_only_one_long_step_of_one_task_is_reported_and_once() -> None:
    detector = BlockDetector(0.25)

    def look(now: float, task: object | None, came_around: bool = False) -> bool:
        return detector.look(now, task, came_around=came_around)

    assert not look(0.0, "a")
    assert not look(0.2, "a")
    assert look(0.25, "a")
    assert detector.held(0.25) == 0.25
    assert not look(0.5, "a")
    assert not look(0.6, "b")
    assert not look(0.8, "b")
    assert not look(0.9, "b", came_around=True)  # another step of it
    assert not look(1.1, "b")
    assert look(1.2, "b")
    assert not look(1.3, None)
    assert not look(9.0, "b")


async def test_the_owner_is_called_at_the_failure_limit() -> None:
    counts: list[int] = []

    async def on_limit(count: int) -> None:
        counts.append(count)
        raise ValueError("in the callback")

    async with SessionPool(obey, failure_limit=2, on_failure_limit=on_limit) as pool:
        for number, order in enumerate([*[ValueError()] * 3, "end", *[ValueError()] * 2]):
            await (await pool.launch(str(number), orders(order))).wait()
        await settle(lambda: len(counts) == 2)
        assert pool.status.consecutive_failures == 2
    assert counts == [2, 2]


async def test_a_failing_plain_callback_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def on_limit(count: int) -> None:
        raise SystemExit(count)

    async with SessionPool(obey, failure_limit=1, on_failure_limit=on_limit) as pool:
        assert await (await pool.launch("a", orders(ValueError("no")))).wait() == "failed"
        assert await (await pool.launch("b", orders("end"))).wait() == "success"
    assert "on_failure_limit failed: 1" in caplog.messages


async def test_memory_above_its_limit_drains_the_pool() -> None:
    clock = FakeClock()
    async with SessionPool(obey, memory_warn_mb=1, memory_limit_mb=1e6, clock=clock) as pool:
        events = pool.events()
        clock.advance(20)
        assert pool.status.state == "running"
    assert [event.kind async for event in events] == ["closed"]  # it was above from the start, and is said once
    assert clock.pending == 0
    pool = SessionPool(obey, memory_limit_mb=1, clock=clock)
    events = pool.events()
    run = asyncio.create_task(pool.run())
    assert await run is True
    assert "above memory_limit_mb (1)" in str(pool.status.drain_reason)
    assert [event.kind async for event in events] == ["memoryLimit", "draining", "closed"]


async def plain_coroutine(session: object) -> None:
    return


def not_a_coroutine(session: object) -> None:
    return


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"entrypoint": not_a_coroutine}, TypeError, "must be a coroutine function; define it with `async def`"),
        ({"entrypoint": None}, TypeError, "entrypoint None: must be a coroutine function"),
        ({"max_sessions": 0}, ValueError, "max_sessions 0: must be at least 1"),
        ({"max_sessions": -3}, ValueError, "max_sessions -3: must be at least 1"),
        ({"max_sessions": 2.5}, TypeError, "max_sessions 2.5: must be an integer"),
        ({"max_sessions": True}, TypeError, "max_sessions True: must be an integer"),
        ({"failure_limit": 0}, ValueError, "failure_limit 0: must be at least 1"),
        ({"setup": 3}, TypeError, "setup 3: must be a function or None"),
        ({"on_end": "x"}, TypeError, "on_end 'x': must be a function or None"),
        ({"on_failure_limit": 1}, TypeError, "on_failure_limit 1: must be a function or None"),
        ({"setup_timeout_s": 0}, ValueError, "setup_timeout_s 0: must be above 0 seconds"),
        ({"end_timeout_s": -1}, ValueError, "end_timeout_s -1: must be a finite number of seconds, at least 0"),
        ({"close_timeout_s": float("nan")}, ValueError, "close_timeout_s nan: must be a finite number"),
        ({"close_timeout_s": None}, TypeError, "close_timeout_s None: must be a number of seconds"),
        ({"memory_warn_mb": -1}, ValueError, "memory_warn_mb -1: must be a finite number of megabytes"),
        ({"memory_limit_mb": "1"}, TypeError, "memory_limit_mb '1': must be a number of megabytes"),
        (
            {"memory_warn_mb": 9, "memory_limit_mb": 5},
            ValueError,
            "memory_warn_mb 9: must not be above memory_limit_mb",
        ),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as raised:
        SessionPool(**{"entrypoint": plain_coroutine, **options})
    assert message in str(raised.value)


async def test_bad_arguments_are_refused() -> None:
    async with SessionPool(obey) as pool:
        with pytest.raises(TypeError, match="id 3: must be a string"):
            await pool.launch(3)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="id '': must not be empty"):
            await pool.launch("")
        with pytest.raises(ValueError, match="wait_s -1"):
            await pool.launch("a", wait_s=-1)
        with pytest.raises(TypeError, match="wait_s '1'"):
            pool.reserve(wait_s="1")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="timeout_s inf"):
            await pool.drain(float("inf"))
        assert pool.load == 0


def test_importing_it_imports_nothing_else_of_reloadls_and_no_library() -> None:
    code = "import sys, reloadls.pool; print(*sorted(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    ours = {name for name in found if name.startswith("reloadls.") and not name.startswith("reloadls.pool")}
    assert {name for name in ours if not name.startswith("reloadls.base")} == {"reloadls._version"}
    libraries = {"attrs", "attr", "cattrs", "pygls", "lsprotocol", "watchfiles", "typer", "rich", "filelock"}
    assert libraries.isdisjoint(found)
    assert "multiprocessing" not in found
