"""Under `reloadls run` each worker is a target, and its sessions follow edits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.running import environment

PROGRAM = """
import asyncio
import os

from reloadls.base.live_sessions import live_sessions
from reloadls.pool import Session, SessionPool


def say(*words):
    os.write(1, (" ".join(words) + "\\n").encode())  # one call for one line: several processes write


class Bot:
    def __init__(self):
        self.greeting = "hello"

    def __rebind__(self, report):
        self.__init__()
        say("rebound")


async def talk(session: Session) -> None:
    bot = session.bind(Bot())
    say(bot.greeting, session.id)
    while bot.greeting == "hello" or not os.path.exists("counted"):
        await asyncio.sleep(0.01)
    say(bot.greeting, session.id)


def count(report, counts):
    if counts.rebound == 2:
        open("counted", "w").close()


async def main():
    live_sessions.watch(count)
    async with SessionPool(talk, isolation="process", processes=2, max_sessions=2, start_method=METHOD) as pool:
        handles = [await pool.launch(name) for name in ("ann", "bob")]
        say(*[await handle.wait() for handle in handles])


if __name__ == "__main__":
    asyncio.run(main())
"""


PINNED = """
import asyncio
import os

from reloadls.pool import Session, SessionPool


def say(*words):
    os.write(1, (" ".join(words) + "\\n").encode())


def word():
    return "old"


def answer():
    return word()


async def talk(session: Session) -> None:
    say(session.id, answer())
    if session.id == "ann":
        with session.pin():
            while not os.path.exists("go"):
                await asyncio.sleep(0.01)
            say(session.id, answer())
    while answer() == "old":
        await asyncio.sleep(0.01)
    say(session.id, answer())


async def main():
    async with SessionPool(talk, isolation="process", processes=2, max_sessions=4) as pool:
        for name in ("ann", "bob", "cid", "dan"):
            await pool.launch(name)
        await pool.drain()


if __name__ == "__main__":
    asyncio.run(main())
"""


WAITING = """
import asyncio
import os

from reloadls.pool import Session, SessionPool

WORD = "old"


async def talk(session: Session) -> None:
    print(session.id, WORD, flush=True)
    with session.pin():
        while not os.path.exists("go"):
            await asyncio.sleep(0.01)
        print(session.id, WORD, flush=True)
    while WORD == "old":
        await asyncio.sleep(0.01)
    print(session.id, WORD, flush=True)


async def main():
    async with SessionPool(talk, isolation="process", max_sessions=1, pin_timeout_s=600) as pool:
        handle = await pool.launch("ann")
        while pool.status.change_waits_for != ("ann",):
            await asyncio.sleep(0.01)
        print("a change waits for", *pool.status.change_waits_for, flush=True)
        print(await handle.wait(), pool.status.change_waits_for, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
"""


@contextmanager
def running(path: Path, text: str) -> Iterator[Callable[[int], list[str]]]:
    """The program under `reloadls run`; what reads so many of its lines, sorted."""
    path.write_text(text)
    command = [sys.executable, "-m", "reloadls", "run", str(path)]
    with subprocess.Popen(
        command, cwd=path.parent, env=environment(), stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            out = process.stdout
            assert out is not None
            yield lambda count: sorted(out.readline().strip() for _ in range(count))
            assert process.wait(60) == 0
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_sessions_in_workers_follow_an_edit_and_the_pool_counts_them(tmp_path: Path, method: str) -> None:
    path = tmp_path / "bots.py"
    text = PROGRAM.replace("METHOD", repr(method))
    with running(path, text) as read:
        assert read(2) == ["hello ann", "hello bob"]
        path.write_text(text.replace('self.greeting = "hello"', 'self.greeting = "welcome"'))
        assert read(4) == ["rebound", "rebound", "welcome ann", "welcome bob"]
        assert read(1) == ["success success"]


def test_a_pin_holds_for_one_session_of_one_worker(tmp_path: Path) -> None:
    path = tmp_path / "pinned.py"
    with running(path, PINNED) as read:
        assert read(4) == ["ann old", "bob old", "cid old", "dan old"]
        path.write_text(PINNED.replace('return "old"', 'return "new"'))
        assert read(3) == ["bob new", "cid new", "dan new"]  # one of them shares its worker with ann
        (tmp_path / "go").touch()
        assert read(2) == ["ann new", "ann old"]


def test_the_pool_says_for_which_session_of_a_worker_a_change_waits(tmp_path: Path) -> None:
    path = tmp_path / "waiting.py"
    with running(path, WAITING) as read:
        assert read(1) == ["ann old"]
        path.write_text(WAITING.replace('WORD = "old"', 'WORD = "new"'))
        assert read(1) == ["a change waits for ann"]
        (tmp_path / "go").touch()
        assert read(2) == ["ann new", "ann old"]
        assert read(1) == ["success ()"]
