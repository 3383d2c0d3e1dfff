"""It lets go on whom asyncio's own would."""

from __future__ import annotations

import asyncio

import pytest

from reloadls.base.event import Event

BOTH = pytest.mark.parametrize("make", [Event, asyncio.Event])
Either = Event | asyncio.Event


@BOTH
async def test_set_wakes_all_waiters(make: type[Either]) -> None:
    event = make()
    waiting = [asyncio.create_task(event.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not event.is_set() and not any(task.done() for task in waiting)
    event.set()
    event.clear()  # who was waiting goes on all the same
    await asyncio.gather(*waiting)
    late = asyncio.create_task(event.wait())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not late.done()
    event.set()
    await late
    await event.wait()


@BOTH
async def test_a_cancelled_subscriber_does_not_disturb_others(make: type[Either]) -> None:
    event = make()
    waiting = [asyncio.create_task(event.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    event.set()
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(result, BaseException) for result in done] == [False, True, False]


async def test_a_cancelled_subscriber_leaves_nothing() -> None:
    event = Event()
    for _ in range(3):
        waiting = asyncio.create_task(event.wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    assert event._waiting == ()
