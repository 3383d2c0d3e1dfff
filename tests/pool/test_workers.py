"""Sessions in worker processes: the same pool, and what becomes of processes that die."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from reloadls.pool import (
    NotSpawnSafe,
    PoolError,
    PoolFull,
    Session,
    SessionHandle,
    SessionPool,
    SetupFailed,
    WorkerDied,
)
from reloadls.pool.workers import backend

from . import worker_program as program
from .support import FakeClock

ROOT = Path(__file__).parents[2]


def processes(count: int = 2, places: int = 4, entrypoint: Any = program.act, **options: Any) -> SessionPool:
    return SessionPool(entrypoint, isolation="process", processes=count, max_sessions=places, **options)


async def until(condition: Callable[[], object]) -> None:
    """Look until something that another process does holds."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - nothing reports it
            await asyncio.sleep(0.01)


def workers() -> list[psutil.Process]:
    """The worker processes, without the one with which multiprocessing follows resources."""
    found = []
    for each in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie's command line, too
            if "spawn_main" in " ".join(each.cmdline()):
                found.append(each)
    return found


async def test_sessions_run_in_workers_and_the_least_loaded_takes_the_next(tmp_path: Path) -> None:
    async with processes(setup=program.setup, on_end=partial(program.write_end, str(tmp_path))) as pool:
        handles = [await pool.launch(str(number), ("hold", str(tmp_path / str(number)))) for number in range(4)]
        with pytest.raises(PoolFull):
            await pool.launch("more")
        await until(lambda: all(handle.state == "running" for handle in handles))
        await until(lambda: len(list(tmp_path.glob("[0-9]"))) == 4)
        await until(lambda: all(path.read_text() for path in tmp_path.glob("[0-9]")))
        where = Counter(path.read_text() for path in tmp_path.glob("[0-9]"))
        assert sorted(where.values()) == [2, 2]
        assert str(os.getpid()) not in where
        handles[0].cancel()
        assert await handles[0].wait() == "cancelled"
        assert (tmp_path / "end-0").read_text().startswith("cancelled NoneType")
        handle = await pool.launch("again", ("write", str(tmp_path / "again")), wait_s=5)
        assert await handle.wait() == "success"
        assert (tmp_path / "again").read_text() in where
    assert {handle.outcome for handle in handles} == {"cancelled"}
    assert not workers()
    assert len(asyncio.all_tasks()) == 1


async def test_errors_travel_to_the_pool() -> None:
    async with processes(1) as pool:

        async def error_of(what: str) -> BaseException | None:
            handle = await pool.launch(what, what)
            assert await handle.wait() == "failed"
            return handle.error

        error = await error_of("fail")
        assert isinstance(error, ValueError)
        assert "worker_program.py" in error.__notes__[0]
        assert isinstance(await error_of("system exit"), SystemExit)
        error = await error_of("unpicklable")
        assert (type(error), str(error)) == (PoolError, "Unpicklable: ab")


async def test_an_error_that_is_too_large_arrives_as_text() -> None:
    async with processes(1) as pool:
        handle = await pool.launch("a", ("fail", 3_000_000))
        assert await handle.wait() == "failed"
        assert isinstance(handle.error, PoolError)
        assert str(handle.error) == "ValueError: " + "x" * (1000 - len("ValueError: "))


async def test_on_end_of_a_session_whose_worker_died_runs_in_the_pools_process(tmp_path: Path) -> None:
    async with processes(1, on_end=partial(program.write_end, str(tmp_path))) as pool:
        held = await pool.launch("held", ("hold", str(tmp_path / "held")))
        await until(lambda: held.state == "running")
        dying = await pool.launch("dying", "kill")
        assert {await held.wait(), await dying.wait()} == {"failed"}
        assert (tmp_path / "end-dying").read_text() == f"failed WorkerDied 'kill' {os.getpid()}\n"
        assert (tmp_path / "end-held").read_text().count("\n") == 1
    assert len(asyncio.all_tasks()) == 1


async def test_on_end_that_has_begun_in_the_worker_is_not_run_again(tmp_path: Path) -> None:
    async with processes(1, on_end=partial(program.hanging_end, str(tmp_path))) as pool:
        handle = await pool.launch("a", ("write", str(tmp_path / "a"), os.getpid()))
        assert await handle.wait() == "failed"
        assert isinstance(handle.error, WorkerDied)
        (line,) = (tmp_path / "end-a").read_text().splitlines()
        assert not line.endswith(str(os.getpid()))


async def test_a_worker_that_hangs_while_it_imports_the_program_fails_the_start(tmp_path: Path) -> None:
    path = tmp_path / "hanging_program.py"
    path.write_text(
        "import os, threading\nif 'POOL_HANGS' in os.environ:\n    open(os.environ['POOL_HANGS'], 'w').close()\n"
        "    threading.Event().wait()\nasync def talk(session): ...\n"
    )
    clock, mark = FakeClock(), tmp_path / "mark"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        hanging_program = importlib.import_module("hanging_program")
        patch.setenv("POOL_HANGS", str(mark))
        pool = processes(1, 1, hanging_program.talk, setup_timeout_s=10, clock=clock)
        start = asyncio.create_task(pool.start())
        await until(mark.exists)
        for _ in range(15):
            await until(lambda: clock.pending)
            clock.advance(2)
        with pytest.raises(SetupFailed, match="a worker has not imported the program within 30 s"):
            await start
    assert not workers()


async def test_workers_of_a_fork_server(tmp_path: Path) -> None:
    async with processes(2, start_method="forkserver", setup=program.setup) as pool:
        handles = [await pool.launch(str(number), ("hold", str(tmp_path / str(number)))) for number in range(4)]
        await until(lambda: all(handle.state == "running" for handle in handles))
        await until(lambda: len([path for path in tmp_path.iterdir() if path.read_text()]) == 4)
        pids = {int(path.read_text()) for path in tmp_path.iterdir()}
        assert len(pids) == 2
        assert {psutil.Process(pid).ppid() for pid in pids}.isdisjoint({os.getpid()})
        os.kill(pids.pop(), signal.SIGKILL)
        await until(lambda: pool.status.failed == 2)
        handle = await pool.launch("next", "nothing", wait_s=60)
        assert await handle.wait() == "success"
    assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.parametrize(("what", "text"), [("kill", "was killed by SIGKILL"), ("exit", "exited with code 3")])
async def test_a_worker_that_dies_fails_its_sessions_and_is_replaced(what: str, text: str, tmp_path: Path) -> None:
    async with processes(2, 4, setup=program.setup) as pool:
        events = pool.events()
        held = [await pool.launch(str(number), ("hold", str(tmp_path / str(number)))) for number in range(2)]
        await until(lambda: all(handle.state == "running" for handle in held))
        dying = await pool.launch("dying", what)
        assert await dying.wait() == "failed"
        assert isinstance(dying.error, WorkerDied)
        assert text in str(dying.error)
        assert (dying.error.signal == signal.SIGKILL) is (what == "kill")
        beside = [handle for handle in held if handle.state == "ended"]
        assert [handle.outcome for handle in beside] == ["failed"]
        assert pool.active == 1
        handle = await pool.launch("next", ("write", str(tmp_path / "next")), wait_s=60)
        assert await handle.wait() == "success"
        await until(lambda: len(workers()) == 2)
    kinds = [event.message async for event in events if event.kind == "workerDied"]
    assert len(kinds) == 1
    assert text in kinds[0]
    assert not workers()


async def test_a_setup_that_fails_fails_the_start_and_leaves_no_worker() -> None:
    pool = processes(2, setup=program.failing_setup)
    with pytest.raises(SetupFailed, match="no model"):
        await pool.start()
    assert pool.status.state == "new"
    assert not workers()
    await pool.close()


async def test_workers_that_die_five_times_during_setup_fail_the_start() -> None:
    clock = FakeClock()
    pool = processes(1, setup=program.dying_setup, clock=clock)
    start = asyncio.create_task(pool.start())
    for expected in (0.1, 0.2, 0.4, 0.8):
        await until(lambda: expected in [round(due.at - clock.now, 3) for due in clock._due if not due.cancelled])  # noqa: B023
        clock.advance(expected)
    with pytest.raises(SetupFailed, match="exited with code 7"):
        await start
    assert not workers()


async def test_a_worker_that_answers_no_heartbeat_is_killed(tmp_path: Path) -> None:
    clock = FakeClock()
    async with processes(1, clock=clock) as pool:
        handle = await pool.launch("a", "block")
        await until(lambda: handle.state == "running")
        for _ in range(6):
            clock.advance(2)
        assert await handle.wait() == "failed"
        assert "SIGKILL" in str(handle.error)


async def test_close_kills_what_ignores_its_cancellation(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pool = processes(1, close_timeout_s=0.2)
    await pool.start()
    handle = await pool.launch("a", ("deaf", str(tmp_path / "a")))
    await until((tmp_path / "a").exists)
    await pool.close()
    assert handle.outcome == "cancelled"
    assert "session 'a' ignored its cancellation; its worker is killed" in caplog.messages
    assert not workers()


async def test_logs_of_workers_reach_the_pools_handlers_with_the_session(caplog: pytest.LogCaptureFixture) -> None:
    async with processes(1) as pool:
        assert await (await pool.launch("a", "log")).wait() == "success"
        await until(lambda: "hello there" in caplog.messages)
    (record,) = [record for record in caplog.records if record.getMessage() == "hello there"]
    assert (record.name, record.levelno, record.session) == ("worker_program", logging.WARNING, "a")  # type: ignore[attr-defined]
    assert record.process != os.getpid()


async def test_the_pool_of_a_module_knows_the_current_session_in_a_worker() -> None:
    async with program.POOL as pool:
        handle = await pool.launch("a")
        assert (await handle.wait(), handle.error) == ("success", None)
        assert pool.current() is None


def test_sigterm_lets_two_hundred_sessions_of_workers_end(tmp_path: Path) -> None:
    """All processes of the program get it, as from a terminal or a container."""
    command = [sys.executable, "-m", "tests.pool.worker_program", "drain", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "200 running\n"
        os.killpg(parent.pid, signal.SIGTERM)
        assert parent.stdout.readline() == "draining\n"
        (tmp_path / "go").touch()
        assert parent.stdout.readline() == "True {'success': 200}\n"
        assert parent.wait(60) == 0


async def test_ten_thousand_racing_launches_over_four_processes() -> None:
    most = 0
    async with processes(4, 100) as pool:

        async def one(number: int) -> SessionHandle | PoolFull:
            nonlocal most
            for _ in range(number % 97):
                await asyncio.sleep(0)
            try:
                handle = await pool.launch(str(number), "nothing")
            except PoolFull as error:
                return error
            most = max(most, pool.active)
            await handle.wait()
            return handle

        answers = await asyncio.gather(*map(one, range(10_000)))
        admitted = [answer for answer in answers if isinstance(answer, SessionHandle)]
        assert most == 100
        assert {handle.outcome for handle in admitted} == {"success"}
        assert pool.status.succeeded == len(admitted) >= 100
        assert pool.load == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the end of the socket is noticed by a loop that runs")
def test_no_worker_outlives_a_pool_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.pool.worker_program", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT) as parent:
        asyncio.run(until(lambda: len([path for path in tmp_path.iterdir() if path.read_text()]) == 4))
        found = [psutil.Process(int(path.read_text())) for path in tmp_path.iterdir()]
        parent.kill()
    gone, alive = psutil.wait_procs(found, timeout=60)
    assert not alive
    assert len({process.pid for process in gone}) == 2


async def local_entrypoint(session: Session) -> None:
    """At module level."""


@pytest.mark.parametrize("kind", ["closure", "lambda", "partial", "method", "local class", "on_end"])
def test_what_a_worker_cannot_have_is_refused(kind: str) -> None:
    async def closure(session: Session) -> None: ...

    class Local:
        async def talk(self, session: Session) -> None: ...

    lock = threading.Lock()
    every: Any = {
        "closure": {"entrypoint": closure},
        "lambda": {"entrypoint": program.act, "setup": lambda shared: None},
        "partial": {"entrypoint": program.act, "on_end": partial(print, {"a": [lock]})},
        "method": {"entrypoint": program.Bot(inner={"lock": lock}).talk},
        "local class": {"entrypoint": Local().talk},
        "on_end": {"entrypoint": program.act, "on_end": partial(print, file=lock)},
    }
    options: dict[str, Any] = every[kind]
    expected = {
        "closure": "entrypoint: tests.pool.test_workers.test_what_a_worker_cannot_have_is_refused.<locals>.closure",
        "lambda": "setup: tests.pool.test_workers.test_what_a_worker_cannot_have_is_refused.<locals>.<lambda>",
        "partial": "on_end.args[0]['a'][0]: an object of _thread.lock",
        "method": "entrypoint.__self__.inner['lock']: an object of _thread.lock",
        "local class": "entrypoint.__self__: an object of tests.pool.test_workers.",
        "on_end": "on_end.keywords['file']: an object of _thread.lock",
    }[kind]
    with pytest.raises(NotSpawnSafe) as raised:
        processes(**options)
    assert str(raised.value).startswith(expected)
    assert "can't be sent to a worker" in str(raised.value)
    assert "move it to module level; pass state through `functools.partial` or `data`" in str(raised.value)
    assert isinstance(raised.value, ValueError)


async def test_data_that_cannot_travel_are_refused_and_the_place_is_free() -> None:
    async with processes(1, 1, program.Bot(name="x").talk) as pool:
        with pytest.raises(NotSpawnSafe, match=r"data\['key'\].lock: an object of _thread.lock"):
            await pool.launch("a", {"key": program.Bot(lock=threading.Lock())})
        assert (pool.active, pool.load) == (0, 0)
        assert await (await pool.launch("a", "nothing")).wait() == "success"


async def test_data_that_are_too_large_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "MOST", 2_000_000)
    async with processes(1, 1) as pool:
        with pytest.raises(NotSpawnSafe, match=r"data: \d+ bytes are more than 1000000; pass a path or a key instead"):
            await pool.launch("a", b"x" * 1_000_001)
        assert (pool.active, pool.load) == (0, 0)


async def test_a_function_of_a_file_that_was_loaded_by_its_path_resolves_in_the_worker(tmp_path: Path) -> None:
    import importlib.util

    path = tmp_path / "loaded_program.py"
    path.write_text("from pathlib import Path\nasync def talk(session):\n    Path(session.data).write_text(__name__)\n")
    spec = importlib.util.spec_from_file_location("loaded_program", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["loaded_program"] = module
    try:
        spec.loader.exec_module(module)
        async with processes(1, 1, module.talk) as pool:
            assert await (await pool.launch("a", str(tmp_path / "a"))).wait() == "success"
    finally:
        del sys.modules["loaded_program"]
    assert (tmp_path / "a").read_text() == "loaded_program"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"isolation": "thread"}, "isolation 'thread': must be 'coroutine' or 'process'"),
        ({"start_method": "fork"}, "start_method 'fork': must be 'spawn' or 'forkserver'"),
        ({"processes": 0}, "processes 0: must be at least 1"),
        ({"processes": 2}, "processes 2: must be 1 unless isolation is 'process'"),
        (
            {"isolation": "process", "processes": 9, "max_sessions": 8},
            "processes 9: must not be above max_sessions (8)",
        ),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as raised:
        SessionPool(program.act, **options)
    assert message in str(raised.value)


async def test_every_session_ends_once_while_workers_are_killed_at_random() -> None:
    chance = random.Random(7)
    handles: list[SessionHandle] = []
    async with processes(3, 12) as pool:
        events = pool.events()
        for number in range(300):
            what = chance.choice(["nothing"] * 12 + ["fail"] * 3 + ["kill"])
            with contextlib.suppress(PoolFull):
                handles.append(await pool.launch(str(number), what, wait_s=60))
            if number % 60 == 59:
                chance.choice(workers()).kill()
            assert pool.active <= 12
        outcomes = Counter([await handle.wait() for handle in handles])
        status = pool.status
        assert (status.succeeded, status.failed, status.cancelled) == (outcomes["success"], outcomes["failed"], 0)
        assert pool.load == 0
    ended = Counter([event.session async for event in events if event.kind == "ended"])
    assert ended == Counter([handle.id for handle in handles])
    assert not workers()
    assert len(asyncio.all_tasks()) == 1
