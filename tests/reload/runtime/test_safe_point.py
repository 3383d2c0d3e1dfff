"""The step that changes the program runs once, and no thread or task sees half of it."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from reloadls.reload.runtime.live.pin import Pins
from reloadls.reload.runtime.live.safe_point import ProgramEnded, SafePoint

_DEADLINE_S = 30.0


class _Committing:
    """A commit on its own thread."""

    def __init__(self, safe_point: SafePoint, step: Callable[[], object]) -> None:
        self.error: BaseException | None = None
        self._safe_point = safe_point
        self._step = step
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._safe_point.commit(lambda: (self._step(), None)[1])
        except BaseException as error:
            self.error = error

    def join(self) -> None:
        self.thread.join(_DEADLINE_S)
        assert not self.thread.is_alive()


@pytest.fixture(autouse=True)
def turn() -> Iterator[None]:
    """Check that the program's switch interval is restored."""
    before = sys.getswitchinterval()
    yield
    assert sys.getswitchinterval() == pytest.approx(before, abs=2e-6)


@pytest.fixture
def pins() -> Pins:
    return Pins()


async def _in_time(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(_DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - the loop must keep running
            await asyncio.sleep(0)


async def test_runs_on_the_loop_between_two_callbacks(pins: Pins) -> None:
    places: list[tuple[int, bool]] = []
    inside = False

    def step() -> None:
        asyncio.get_running_loop()
        places.append((threading.get_ident(), inside))

    for _ in range(20):
        commit = _Committing(SafePoint(pins), step)
        while commit.thread.is_alive():
            inside = True
            time.perf_counter()
            inside = False
            await asyncio.sleep(0)
    assert places == [(threading.get_ident(), False)] * 20


def test_a_loop_on_another_thread_is_found(pins: Pins) -> None:
    ident: list[int] = []
    ends = asyncio.Event()
    started = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def other() -> None:
        loops.append(asyncio.get_running_loop())
        started.set()
        await ends.wait()

    thread = threading.Thread(target=lambda: asyncio.run(other()))

    def main() -> None:
        thread.start()
        started.wait(_DEADLINE_S)
        commit = _Committing(SafePoint(pins), lambda: ident.append(threading.get_ident()))
        commit.join()
        loops[0].call_soon_threadsafe(ends.set)
        thread.join(_DEADLINE_S)

    main()
    assert ident == [thread.ident]


def test_runs_on_a_main_thread_that_computes(pins: Pins) -> None:
    ident: list[int] = []
    commit = _Committing(SafePoint(pins), lambda: ident.append(threading.get_ident()))
    deadline = time.monotonic() + _DEADLINE_S
    while not ident and time.monotonic() < deadline:
        sum(range(100))
    commit.join()
    assert ident == [threading.main_thread().ident]


def test_does_not_wait_for_a_blocked_main_thread(pins: Pins) -> None:
    ident: list[int] = []
    commit = _Committing(SafePoint(pins), lambda: ident.append(threading.get_ident()))
    commit.join()
    assert len(ident) == 1


def test_uses_another_thread_when_the_loop_ends_first(pins: Pins) -> None:
    done: list[int] = []

    async def blocked() -> _Committing:
        commit = _Committing(SafePoint(pins), lambda: done.append(1))
        deadline = time.monotonic() + 0.3
        while time.monotonic() < deadline:  # the loop never runs it, and then ends
            pass
        asyncio.get_running_loop().stop()
        return commit

    loop = asyncio.SelectorEventLoop()
    task = loop.create_task(blocked())
    loop.run_forever()
    loop.close()
    task.result().join()
    assert done == [1]


async def test_reports_a_busy_loop(pins: Pins) -> None:
    reported: list[float | None] = []
    safe_point = SafePoint(pins)
    safe_point.configure((), reported.append)
    commit = _Committing(safe_point, lambda: None)
    deadline = time.monotonic() + _DEADLINE_S
    while not reported and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    await _in_time(lambda: not commit.thread.is_alive())
    assert reported[0] is not None
    assert reported[0] >= 2
    assert reported[-1] is None


async def test_exceptions_of_the_step_propagate(pins: Pins) -> None:
    def step() -> None:
        raise SystemExit(3)

    commit = _Committing(SafePoint(pins), step)
    await _in_time(lambda: not commit.thread.is_alive())
    assert isinstance(commit.error, SystemExit)


@pytest.mark.parametrize("trial", range(10))
async def test_no_thread_sees_half_of_a_step(pins: Pins, trial: int) -> None:
    # A trial proves nothing if the system paused the process longer than the exclusive time: repeat it.
    for _ in range(20):
        took, state, halves = await _watched_step(pins)
        assert state == {"a": 1, "b": 1}, trial
        if took < 0.09:
            assert halves == [], trial
            return
    pytest.fail("a step of 20 ms never took less than 90")


async def _watched_step(pins: Pins) -> tuple[float, dict[str, int], list[tuple[int, int]]]:
    """Return how long a step with two changes took, its result, and what another thread saw in between."""
    state = {"a": 0, "b": 0}
    halves: list[tuple[int, int]] = []
    took: list[float] = []
    ends = threading.Event()

    def look() -> None:
        while not ends.is_set():
            a, b = state["a"], state["b"]
            if a != b and a == state["a"] and b == state["b"]:
                halves.append((a, b))

    def step() -> None:
        began = time.perf_counter()
        state["a"] += 1
        while time.perf_counter() < began + 0.02:
            pass
        state["b"] += 1
        took.append(time.perf_counter() - began)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    commit = _Committing(SafePoint(pins), step)
    await _in_time(lambda: not commit.thread.is_alive())
    ends.set()
    watcher.join(_DEADLINE_S)
    return took[0], state, halves


async def test_a_computing_thread_does_not_starve_the_step(pins: Pins) -> None:
    ends = threading.Event()

    def compute() -> None:
        while not ends.is_set():
            pass

    def step() -> None:
        for _ in range(10):
            time.sleep(0)  # allows a thread switch, as reading a file does

    thread = threading.Thread(target=compute, daemon=True)
    thread.start()
    begun = time.monotonic()
    commit = _Committing(SafePoint(pins), step)
    await _in_time(lambda: not commit.thread.is_alive())
    took = time.monotonic() - begun
    ends.set()
    thread.join(_DEADLINE_S)
    assert took < 5


async def test_a_pin_holds_it_back(pins: Pins) -> None:
    done: list[int] = []
    safe_point = SafePoint(pins)
    pins.add()
    pins.add()
    commit = _Committing(safe_point, lambda: done.append(pins.count))
    pins.remove()
    commit.thread.join(0.2)
    assert not done
    pins.remove()
    await _in_time(lambda: bool(done))
    commit.join()
    assert done == [0]
    assert safe_point.held in (1, 2)


async def test_a_pin_that_comes_first_holds_it_back(pins: Pins) -> None:
    done: list[int] = []
    commit = _Committing(SafePoint(pins), lambda: done.append(pins.count))
    deadline = time.monotonic() + 0.2
    while time.monotonic() < deadline:  # the step is scheduled meanwhile
        threading.Event().wait(0.01)
    pins.add()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not done
    pins.remove()
    await _in_time(lambda: bool(done))
    commit.join()


def test_raises_when_the_program_ends(pins: Pins) -> None:
    safe_point = SafePoint(pins)
    pins.add()
    commit = _Committing(safe_point, lambda: None)
    safe_point.end()
    commit.join()
    assert isinstance(commit.error, ProgramEnded)
