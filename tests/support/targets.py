"""Running programs for the tests: real ones, and scripted ones that say what a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from reloadls.protocol import to_uri
from tests.support.clients import RecordingClient
from tests.support.peers import TIMEOUT

__all__ = [
    "Program",
    "ScriptedTarget",
    "failure",
    "made_targets_folder",
    "running",
    "runtime_folder",
    "shown",
    "target_states",
    "until_shown",
    "until_states",
]

Json = dict[str, Any]
RUN = (sys.executable, "-m", "reloadls", "run")
"""The command that users run."""
_SCRIPT = Path(__file__).with_name("scripted_target.py")


@contextlib.contextmanager
def runtime_folder() -> Iterator[Path]:
    """A folder for XDG_RUNTIME_DIR, with a name short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="rt-") as name:
        yield Path(name)


def made_targets_folder(runtime: Path) -> Path:
    """Where programs have their files, made as they would make it."""
    folder = runtime / "reloadls" / "targets"
    for path in (folder.parent, folder):
        path.mkdir(mode=0o700, exist_ok=True)
    return folder


class ScriptedTarget:
    """One program, and what has happened to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.happened: list[Json] = []
        self._news = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls, runtime: Path, *roots: Path, **how: Any) -> AsyncIterator[ScriptedTarget]:
        """Start one and wait until it listens; in the end it ends in order, unless it is dead.

        Args:
            runtime: as XDG_RUNTIME_DIR.
            roots: what it says that it watches.
            how: further keys of the script's argument.
        """
        folder = made_targets_folder(runtime)
        how = {"folder": os.fspath(folder), "roots": [os.fspath(root) for root in roots], **how}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-S", "-E", os.fspath(_SCRIPT), json.dumps(how), stdin=pipe, stdout=pipe
        )
        target = cls(process)
        try:
            await target.until(lambda: target.has("ready"), "listening")
            yield target
        finally:
            await target.end()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def id(self) -> str:
        return str(self.process.pid)

    def has(self, key: str, value: object = None) -> bool:
        """Whether something has happened to it."""
        return any(key in event and (value is None or event[key] == value) for event in self.happened)

    def count(self, key: str) -> int:
        return sum(key in event for event in self.happened)

    def last(self, key: str) -> Any:
        """What was last said of `key`."""
        return next((event[key] for event in reversed(self.happened) if key in event), None)

    async def was_asked(self, method: str, times: int = 1) -> Any:
        """Wait until it was asked so often, and return the parameters of the last time.

        Its answer can be here before its own word of what it was asked.
        """

        def asked() -> list[Json]:
            return [event for event in self.happened if event.get("asked") == method]

        await self.until(lambda: len(asked()) >= times, f"{method}, {times} times")
        return asked()[-1]["params"]

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something has happened to it."""
        async with self._news:
            try:
                await asyncio.wait_for(self._news.wait_for(condition), TIMEOUT)
            except TimeoutError:
                raise AssertionError(f"no {what} within {TIMEOUT} s: {self.happened[-5:]}") from None

    async def obey(self, **wish: Any) -> None:
        """Have it do something (see `scripted_target`), and wait until it has."""
        done = self.count("done")
        self.order(**wish)
        await self.until(lambda: self.count("done") > done, "obedience")

    def order(self, **wish: Any) -> None:
        """The same without waiting."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(wish).encode() + b"\n")

    async def reports(self, **what: Any) -> None:
        """It takes up a batch."""
        await self.obey(report=what)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    async def end(self) -> None:
        """Have it end in order, and see that it does."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            self.thaw()
        try:
            await asyncio.wait_for(self.process.wait(), TIMEOUT)
        except TimeoutError:
            self.kill()
            await self.process.wait()
        await self._reader

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.happened.append(json.loads(line))
            async with self._news:
                self._news.notify_all()


class Program:
    """A program under `reloadls run`, and what it says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.pid = process.pid
        self.says: list[str] = []
        self._news = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())
        self._reader.add_done_callback(lambda _: asyncio.ensure_future(self._tell()))

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until it is so of what it says."""
        async with self._news:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait_for(lambda: condition() or self._reader.done()), TIMEOUT)
        assert condition(), f"it does not say {what} within {TIMEOUT} s, but {self.says[-3:]}"

    async def until_says(self, text: str) -> None:
        await self.until(lambda: self.says[-1:] == [text], text)

    async def says_again(self) -> str:
        """Wait for more, and return it."""
        count = len(self.says)
        await self.until(lambda: len(self.says) > count + 1, "anything")
        return self.says[-1]

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.says.append(line.decode().strip())
            await self._tell()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), TIMEOUT)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        await self._reader


@contextlib.asynccontextmanager
async def running(project: Path, *options: str) -> AsyncIterator[Program]:
    """`app.py` under reload; in the end it is told to end."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*RUN, *options, "app.py", cwd=project, stdout=pipe)
    program = Program(process)
    try:
        await program.until(lambda: bool(program.says), "anything")
        yield program
    finally:
        await program.end()


def failure(path: Path, line: int = 3, message: str = "invalid syntax", **more: Any) -> Json:
    """What a report says beside its head when a save in `path` could not be taken up."""
    uri = to_uri(os.fspath(path))
    place = {"start": {"line": line, "character": 4}, "end": {"line": line, "character": 9}}
    return {
        "status": "failed",
        "modules": [{"name": path.stem, "uri": uri, "status": "rolledBack", "changed": []}],
        "error": {"type": "SyntaxError", "message": message, "uri": uri, "range": place},
        **more,
    }


def target_states(status: Json) -> dict[int, str]:
    """Pid → state, as a status has it."""
    return {target["pid"]: target["state"] for target in status["targets"]}


def shown(client: RecordingClient) -> dict[str, list[Json]]:
    """URI → the diagnostics that a client shows there."""
    now: dict[str, list[Json]] = {}
    for params in client.received("textDocument/publishDiagnostics"):
        now[params["uri"]] = params["diagnostics"]
    return {uri: diagnostics for uri, diagnostics in now.items() if diagnostics}


async def until_states(client: RecordingClient, expected: dict[int, str]) -> Any:
    """Wait until a status tells of just these programs, and return it."""
    return await client.wait_for("reload/didChangeStatus", lambda status: target_states(status) == expected)


async def until_shown(client: RecordingClient, *paths: Path) -> None:
    """Wait until the client shows that something is wrong in just these files."""
    uris = {to_uri(os.fspath(path)) for path in paths}
    await client.wait_until(lambda: set(shown(client)) == uris, f"diagnostics in {uris}, and only there")
