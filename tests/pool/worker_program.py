"""What sessions in worker processes do in the tests."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reloadls.pool import Session, SessionPool, Shared, current_session

log = logging.getLogger("worker_program")


class Unpicklable(Exception):
    """As many are whose arguments are not their constructor's."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


def setup(shared: Shared) -> None:
    shared.pid = os.getpid()


def failing_setup(shared: Shared) -> None:
    raise OSError("no model")


def dying_setup(shared: Shared) -> None:
    os._exit(7)


async def act(session: Session) -> None:
    """Do what the data says."""
    what, *args = session.data if isinstance(session.data, tuple) else (session.data,)
    assert current_session() is session
    match what:
        case "write":  # its process, where the test reads it
            Path(args[0]).write_text(str(session.shared.pid))
        case "hold":
            Path(args[0]).write_text(str(os.getpid()))
            await asyncio.Event().wait()
        case "fail":
            raise ValueError("x" * int(args[0]) if args else "no")
        case "unpicklable":
            raise Unpicklable("a", "b")
        case "exit":
            os._exit(3)
        case "system exit":
            sys.exit(4)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "log":
            log.warning("%d items", "no number")  # the session goes on, as wherever logging can't make its text
            log.warning("hello %s", "there")
        case "block":
            threading.Event().wait()
        case "deaf":
            Path(args[0]).write_text(str(os.getpid()))
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    continue


def write_end(folder: str, session: Session) -> None:
    with Path(folder, f"end-{session.id}").open("a") as file:
        file.write(f"{session.outcome} {type(session.error).__name__} {session.data!r} {os.getpid()}\n")


async def ask_for_current(session: Session) -> None:
    """Compare with what the pool of this module says, and another one."""
    assert POOL.current() is session
    assert await asyncio.to_thread(POOL.current) is session
    assert OTHER.current() is None


POOL = SessionPool(ask_for_current, isolation="process", name="asked")
OTHER = SessionPool(act, isolation="process")


async def hanging_end(folder: str, session: Session) -> None:
    write_end(folder, session)
    if os.getpid() != session.data[2]:  # in the worker
        os.kill(os.getpid(), signal.SIGKILL)


class Bot:
    def __init__(self, **state: Any) -> None:
        self.__dict__.update(state)

    async def talk(self, session: Session) -> None:
        await act(session)


async def host(folder: str, method: Any = "spawn") -> None:
    """A pool's process that is killed."""
    pool = SessionPool(act, isolation="process", processes=2, max_sessions=4, start_method=method)
    await pool.start()
    for number in range(4):
        await pool.launch(str(number), ("hold", str(Path(folder, str(number)))))
    await asyncio.Event().wait()


async def until(condition: Callable[[], object]) -> None:
    """Look until something holds."""
    while not condition():  # noqa: ASYNC110 - nothing reports it
        await asyncio.sleep(0.02)


async def wait_for_file(session: Session) -> None:
    await until(Path(session.data).exists)


async def drain(folder: str) -> None:
    """A pool's process that is sent SIGTERM."""
    pool = SessionPool(wait_for_file, isolation="process", processes=4, max_sessions=200)
    run = asyncio.create_task(pool.run(drain_timeout_s=60))
    await until(lambda: pool.status.state == "running")
    handles = [await pool.launch(str(number), str(Path(folder, "go"))) for number in range(200)]
    await until(lambda: pool.status.running == 200)
    print("200 running", flush=True)
    await until(lambda: pool.status.state != "running")
    print(pool.status.state, flush=True)
    print(await run, dict(Counter(handle.outcome for handle in handles)), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "drain":
        asyncio.run(drain(sys.argv[2]))
        sys.exit()
    asyncio.run(host(*sys.argv[1:]))
