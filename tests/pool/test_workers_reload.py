"""Under `reloadls run` each worker is a target, and its sessions follow edits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.cli.running import environment

PROGRAM = """
import asyncio
import os

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
    while bot.greeting == "hello":
        await asyncio.sleep(0.01)
    say(bot.greeting, session.id)


async def main():
    async with SessionPool(talk, isolation="process", processes=2, max_sessions=2) as pool:
        handles = [await pool.launch(name) for name in ("ann", "bob")]
        say(*[await handle.wait() for handle in handles])


if __name__ == "__main__":
    asyncio.run(main())
"""


def test_sessions_in_workers_follow_an_edit(tmp_path: Path) -> None:
    path = tmp_path / "bots.py"
    path.write_text(PROGRAM)
    command = [sys.executable, "-m", "reloadls", "run", str(path)]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            assert sorted(process.stdout.readline() for _ in range(2)) == ["hello ann\n", "hello bob\n"]
            path.write_text(PROGRAM.replace('self.greeting = "hello"', 'self.greeting = "welcome"'))
            found = sorted(process.stdout.readline() for _ in range(4))
            assert found == ["rebound\n", "rebound\n", "welcome ann\n", "welcome bob\n"]
            assert process.stdout.readline() == "success success\n"
            assert process.wait(60) == 0
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
