"""A program that does with a pool of workers whatever comes, under `reloadls run`, and checks what always holds.

`python random_workers.py FOLDER STEPS SEED` works in the folder, where the edited module `random_words` is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import sys
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from reloadls.pool import PoolError, Session, SessionHandle, SessionPool, Shared, WorkerDied

PLACES, WORKERS, STEPS = 9, 3, 60
"""The places and workers of each pool, and how many steps it lives."""
WORDS = "LIMIT = 1\n\ndef number():\n    return {}\n\ndef word():\n    return number()\n"
ACTS = [
    *[("wait",)] * 6,
    *[("wait", "pin", "wait")] * 3,
    ("pin", "fail"),
    ("pin", "hold"),
    ("fail",),
    ("exit",),
    ("swallow",),
    ("deaf",),
    ("block", "wait"),
    ("left behind",),
    ("hold",),
    ("hold",),
    ("die",),
]


def setup(shared: Shared) -> None:
    sys.path.insert(0, os.getcwd())
    import random_words  # type: ignore[import-not-found]

    shared.words = random_words


async def talk(session: Session) -> None:
    for act in session.data:
        if act == "die":
            os._exit(7)
        await perform(session, act)


async def perform(session: Session, act: str) -> None:
    match act:
        case "wait":
            await asyncio.sleep(0.02)
        case "hold":
            await asyncio.Event().wait()
        case "fail":
            raise ValueError("no")
        case "exit":
            sys.exit(3)
        case "block":
            time.sleep(0.05)
        case "left behind":
            session.shared.left = asyncio.create_task(asyncio.Event().wait())
        case "swallow":
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(1)
        case "deaf":
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
        case "pin":
            with session.pin():
                first = session.shared.words.word()
                for _ in range(3):
                    await asyncio.sleep(0.01)
                    if session.shared.words.word() != first:
                        note("faults", f"{session.id}: the code has changed inside of a pin")


def on_end(folder: str, session: Session) -> None:
    note(os.path.join(folder, "ends"), session.id)


def note(path: str, line: str) -> None:
    """Append a line, in one call: several processes do."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, f"{line}\n".encode())
    os.close(file)


class Driver:
    """Does so many steps with one pool after the other."""

    def __init__(self, folder: Path, steps: int, seed: int) -> None:
        self.folder = folder
        self.steps = steps
        self.chance = random.Random(seed)
        self.version = 0
        self.launched = 0

    async def run(self) -> None:
        await runtime_is_up()
        before = self.left()
        while self.steps > 0:
            await self.pool()
            deadline = time.monotonic() + 60
            while (left := self.left()) != before:  # other processes and threads are ending
                check(time.monotonic() < deadline, f"left behind: {left} instead of {before}")
                await asyncio.sleep(0.05)

    def left(self) -> dict[str, int]:
        """The tasks, threads of pools, worker processes and pairs of sockets that there are."""
        threads = [each for each in threading.enumerate() if each.name.startswith("reloadls-pool")]
        return {
            "tasks": len(asyncio.all_tasks()),
            "threads": len(threads),
            "workers": len(workers()),
            "sockets": sum(each.family == socket.AF_UNIX and not each.laddr for each in own_sockets()),
        }

    async def pool(self) -> None:
        options: dict[str, Any] = {"close_timeout_s": 0.3, "end_timeout_s": 5, "setup_timeout_s": 60}
        method: Any = self.chance.choice(["spawn", "forkserver"])
        pool = SessionPool(
            talk,
            isolation="process",
            processes=WORKERS,
            max_sessions=PLACES,
            start_method=method,
            setup=setup,
            on_end=partial(on_end, str(self.folder)),
            failure_limit=10_000,
            **options,
        )
        await pool.start()
        handles: list[SessionHandle] = []
        for _ in range(STEPS):
            self.steps -= 1
            await self.step(pool, handles)
            check(pool.active <= PLACES and 0 <= pool.load <= 1.0001, f"{pool.active} live, load {pool.load}")
        if self.chance.random() < 0.5:
            await pool.drain(self.chance.choice([0, 0.05]))
        await asyncio.gather(pool.close(), pool.close())
        self.check_ends(pool, handles)

    async def step(self, pool: SessionPool, handles: list[SessionHandle]) -> None:
        live = [handle for handle in handles if handle.state != "ended"]
        match self.chance.choices(
            ["launch", "cancel", "kill", "good", "bad", "sleep", "reserve"], [12, 4, 0.4, 1, 0.5, 4, 1]
        )[0]:
            case "launch":
                with contextlib.suppress(PoolError):
                    wait_s = self.chance.choice([0, 0, 0.05])
                    handles.append(await pool.launch(self.new(), self.chance.choice(ACTS), wait_s=wait_s))
            case "reserve":
                with contextlib.suppress(PoolError):
                    async with pool.reserve() as place:
                        if self.chance.random() < 0.7:
                            handles.append(await place.launch(self.new(), ("wait",)))
            case "cancel" if live:
                self.chance.choice(live).cancel()
            case "kill":
                for each in self.chance.sample(workers(), k=min(1, len(workers()))):
                    os.kill(each, signal.SIGKILL)
            case "good":
                self.version += 1
                write(self.folder / "random_words.py", WORDS.format(self.version))
            case "bad":
                text = WORDS.format(self.version + 1)
                bad = self.chance.choice([("number():", "number(:"), ("LIMIT = 1", "LIMIT = 1 / 0")])
                write(self.folder / "random_words.py", text.replace(*bad))
                await asyncio.sleep(0.1)
                write(self.folder / "random_words.py", WORDS.format(self.version))
            case _:
                await asyncio.sleep(self.chance.random() * 0.05)

    def new(self) -> str:
        self.launched += 1
        return str(self.launched)

    def check_ends(self, pool: SessionPool, handles: list[SessionHandle]) -> None:
        check(all(handle.state == "ended" for handle in handles), "a session has not ended")
        outcomes = Counter(handle.outcome for handle in handles)
        status = pool.status
        counts = (status.succeeded, status.failed, status.cancelled)
        check(counts == (outcomes["success"], outcomes["failed"], outcomes["cancelled"]), f"{counts}, {outcomes}")
        check(pool.active == 0 == pool.load, f"{pool.active} live after the end")
        path = self.folder / "ends"
        ends = Counter(path.read_text().split() if path.exists() else [])
        path.unlink(missing_ok=True)
        check(set(ends) <= {handle.id for handle in handles}, f"on_end of unknown sessions: {ends}")
        for handle in handles:
            # It begins exactly once; a worker that is killed at that moment may not have written its line.
            least = 0 if isinstance(handle.error, WorkerDied) or handle.outcome == "cancelled" else 1
            check(least <= ends[handle.id] <= 1, f"on_end of {handle.id} ran {ends[handle.id]} times: {handle!r}")


def workers() -> list[int]:
    """The pids of the worker processes of this program."""
    found = []
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            command = " ".join(each.cmdline())
            forked = each.ppid() != os.getpid() and "forkserver" in command
            if "spawn_main" in command or forked:
                found.append(each.pid)
    return found


async def runtime_is_up() -> None:
    """Return when the runtime listens: its event loop, on a thread of its own, has a pair of sockets, too."""
    deadline = time.monotonic() + 60
    while not any(each.laddr for each in own_sockets()):
        check(time.monotonic() < deadline, "the runtime does not listen")
        await asyncio.sleep(0.01)


def own_sockets() -> list[Any]:
    return psutil.Process().net_connections("unix")


def write(path: Path, text: str) -> None:
    """As an editor that writes a new file and moves it there."""
    other = path.with_name("random_words.tmp")
    other.write_text(text)
    other.replace(path)


def check(holds: object, text: str) -> None:
    if not holds:
        raise AssertionError(text)


def main() -> None:
    folder, steps, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    driver = Driver(folder, steps, seed)
    asyncio.run(driver.run())
    faults = folder / "faults"
    check(not faults.exists(), faults.read_text() if faults.exists() else "")
    print(f"{driver.launched} sessions, {driver.version} edits: all holds")


if __name__ == "__main__":
    main()
