"""Programs that lie to the service and to `reloadls status`: wrong, huge, hostile, slow and contradictory answers.

A client that behaves is told of every edit, gets an answer to each request in time, and nothing raw reaches a log.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.fuzz.endpoints import faults, framed, look
from tests.fuzz.mutate import Mutator
from tests.support.clients import RecordingClient
from tests.support.service import Picture, Service

__all__ = ["fuzz_liars"]

_AT_ONCE = 6
_ANSWER_S = 40.0
"""A program may take 10 seconds to answer; nobody waits much longer for it."""
_RAW = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


def _messages(folder: str, name: str) -> list[dict[str, Any]]:
    place = {"start": {"line": 0, "character": 1}, "end": {"line": 2, "character": 0}}
    uri = f"file://{folder}/a.py"
    report = {
        "target": name, "clock": "r:1:1", "at": "2026-01-31T12:00:00.123Z", "durationMs": 1.0, "status": "failed",
        "modules": [{"name": "a", "uri": uri, "status": "rolledBack", "changed": ["f"], "reason": "\x1b[31mno"}],
        "sessions": {"rebound": 0, "pinned": 1, "failed": 0},
        "error": {"type": "E", "message": "$(zap)\x9b", "uri": uri, "range": place, "traceback": "T\u202e"},
        "notes": [{"code": "notUndone", "message": "m", "uri": uri, "range": place, "name": "f"}],
    }  # fmt: skip
    target = {"id": name, "name": "app.py", "pid": os.getpid(), "state": "live", "lastReport": report}
    status = {
        "state": "watching", "backend": "native", "debounceMs": 25, "maxWaitMs": 500, "clock": "r:1:1",
        "roots": [{"uri": f"file://{folder}", "kind": "directory", "state": "watching", "files": 1}],
        "targets": [target], "problems": [{"code": "backendFailed", "message": "x"}],
    }  # fmt: skip
    said: list[dict[str, Any]] = [
        {"method": "reload/didReload", "params": report},
        {"method": "reload/didReload", "params": report | {"status": "reloaded", "error": None}},
        {"method": "reload/didChangeStatus", "params": status},
        {"method": "reload/didChangeStatus", "params": status | {"targets": [target | {"state": "paused"}]}},
        {"id": 1, "result": status}, {"id": 1, "result": [report]}, {"id": 1, "error": {"code": -1, "message": "no"}},
        {"id": 7, "method": "reload/status"},
    ]  # fmt: skip
    return [{"jsonrpc": "2.0", **each} for each in said]


class _Liar:
    """One program: its socket, its file, and what it does to whoever connects."""

    def __init__(self, targets: Path, folder: str, name: str, chance: random.Random) -> None:
        self._chance = chance
        self._socket, self._file = targets / f"{name}.sock", targets / f"{name}.json"
        self._good = _messages(folder, name)
        self._mutator = Mutator(chance, self._good)
        place = {
            "id": name, "name": "app.py", "pid": os.getpid(), "socket": os.fspath(self._socket), "roots": [folder],
            "startedAt": "2026-01-31T12:00:00.123Z", "python": "3.13.0", "version": "0.3.0", "supervised": False,
        }  # fmt: skip
        odd = Mutator(chance, [place]).body() if chance.random() < 0.3 else json.dumps(place).encode()
        self._place = odd
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, os.fspath(self._socket))
        self._socket.chmod(0o600)
        new = self._file.with_suffix(".tmp")
        new.write_bytes(self._place)
        new.chmod(0o600)
        new.replace(self._file)

    async def end(self) -> None:
        for path in (self._file, self._socket):
            path.unlink(missing_ok=True)
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        act = self._chance.choice([self._odd, self._odd, self._right, self._right, self._flood, self._drip, self._mute])
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await act(reader, writer)
        writer.transport.abort()

    async def _right(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Good messages, that contradict one another and answer what nobody asked."""
        for _ in range(30):
            writer.write(framed(self._chance.choice(self._good)))
            await self._echo(reader, writer)

    async def _odd(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(30):
            writer.write(self._mutator.stream())
            await self._echo(reader, writer)

    async def _flood(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(framed(self._chance.choice(self._good)) * 200)
            await writer.drain()

    async def _drip(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in framed(self._chance.choice(self._good)):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.01)

    async def _mute(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(framed(self._good[2]))
        await reader.read(1)
        await asyncio.sleep(60)

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer what was asked by now, with anything at all."""
        with contextlib.suppress(TimeoutError):
            data = await asyncio.wait_for(reader.read(1 << 16), 0.02)
            for number in re.findall(rb'"id":(\d+)', data):
                answer = self._mutator.message()
                if isinstance(answer, dict):
                    writer.write(framed(answer | {"id": int(number)}))


async def fuzz_liars(seconds: float, seed: int) -> list[str]:
    """Return what went wrong."""
    chance = random.Random(seed)
    until, problems, turns, names = time.monotonic() + seconds, list[str](), 0, itertools.count()
    with tempfile.TemporaryDirectory(prefix="rt-") as runtime, tempfile.TemporaryDirectory() as name:
        folder = Path(os.path.realpath(name))
        targets = Path(runtime) / "reloadls" / "targets"
        targets.mkdir(parents=True)
        for place in (targets.parent, targets):
            place.chmod(0o700)
        env = {**os.environ, "XDG_RUNTIME_DIR": runtime}
        async with Service.start("tcp", env=env) as service, service.session(folder, debounceMs=10) as good:
            picture = Picture(good)
            await picture.read()
            while not problems:
                liars = [
                    _Liar(targets, os.fspath(folder), f"{os.getpid()}-{next(names):08x}", chance)
                    for _ in range(_AT_ONCE)
                ]
                for liar in liars:
                    await liar.begin()
                problems += await _ask(good, chance)
                problems += await look(service, good, picture, folder, chance)
                if turns % 20 == 0:
                    problems += await _status(folder, env)
                for liar in liars:
                    await liar.end()
                problems += faults(service.process.stderr)
                problems += [f"raw: {line!r}" for line in service.process.stderr.splitlines() if _RAW.search(line)]
                turns += 1
                if time.monotonic() > until:
                    break
    print(f"{turns * _AT_ONCE} programs")
    return problems


async def _ask(good: RecordingClient, chance: random.Random) -> list[str]:
    """Each request is answered in time, with what it promises or an error."""
    other = chance.choices(("reload/trigger", "reload/pause", "reload/status"), (1, 4, 8))
    for method in ("reload/status", *other):
        began = time.monotonic()
        try:
            await good.request(method, timeout=_ANSWER_S)
            if method == "reload/pause":
                await good.request("reload/resume", timeout=_ANSWER_S)
        except Exception as error:
            return [f"{method}: {error!r} after {time.monotonic() - began:.1f} s"]
    return []


async def _status(folder: Path, env: dict[str, str]) -> list[str]:
    """`reloadls status`, for people and for programs."""
    for options in ((), ("--json",)):
        argv = (sys.executable, "-m", "reloadls", "status", *options, os.fspath(folder))
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*argv, env=env, stdout=pipe, stderr=pipe)
        try:
            out, err = await asyncio.wait_for(process.communicate(), _ANSWER_S)
        except TimeoutError:
            process.kill()
            return [f"reloadls status {options} takes more than {_ANSWER_S} s"]
        if process.returncode not in {0, 1} or b"Traceback" in err:
            return [f"reloadls status {options}: {process.returncode} {err!r}"]
        if any(_RAW.search(line) for line in (out + err).decode().splitlines()):
            return [f"reloadls status {options} prints raw: {out!r} {err!r}"]
        if options:
            json.loads(out)
    return []
