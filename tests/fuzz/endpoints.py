"""Odd clients of a service, with and without its token; one that behaves sees every edit, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.fuzz.mutate import Mutator
from tests.support.clients import RecordingClient
from tests.support.peers import Peer
from tests.support.service import Picture, Service, Transport, hello

__all__ = ["faults", "framed", "fuzz_endpoints", "look"]

_AT_ONCE = 8
_TURN = 40
"""Odd clients between two looks at the one that behaves."""


def _messages(folder: str) -> list[dict[str, Any]]:
    uri = f"file://{folder}"
    document = {"textDocument": {"uri": f"{uri}/a"}}
    options = {"debounceMs": 10, "include": ["*.py"], "exclude": ["x/"], "pollDelayMs": 100, "useGitignore": True}
    requests = {
        "reload/status": {"metrics": True}, "reload/sync": {"timeoutMs": 50}, "reload/since": {"clock": "x"},
        "reload/refreshPaths": {"paths": [folder]}, "reload/pause": {}, "reload/resume": {},
        "reload/trigger": {"uris": [uri]},
        "workspace/executeCommand": {"command": "reload.status", "arguments": [{}]}, "shutdown": None,
        "initialize": hello([folder], options),
    }  # fmt: skip
    changes = [{"uri": f"{uri}/a", "type": 1}]
    notifications = {
        "initialized": {}, "exit": None, "$/cancelRequest": {"id": 1}, "textDocument/didSave": document,
        "workspace/didChangeWatchedFiles": {"changes": changes}, "window/workDoneProgress/cancel": {"token": 1},
        "workspace/didChangeConfiguration": {"settings": {"reloadls": options}}, "$/setTrace": {"value": "verbose"},
        "workspace/didChangeWorkspaceFolders": {"event": {"added": [{"uri": uri, "name": "x"}], "removed": []}},
        "workspace/didCreateFiles": {"files": [{"uri": f"{uri}/a"}]},
        "workspace/didRenameFiles": {"files": [{"oldUri": f"{uri}/a", "newUri": f"{uri}/b"}]},
    }  # fmt: skip
    asked = [{"jsonrpc": "2.0", "id": 1, "method": method, "params": params} for method, params in requests.items()]
    said = [{"jsonrpc": "2.0", "method": method, "params": params} for method, params in notifications.items()]
    return [*asked, *said, {"jsonrpc": "2.0", "id": 1, "result": [None]}]


async def fuzz_endpoints(seconds: float, seed: int, *, token: bool) -> list[str]:
    """Return what went wrong."""
    chance = random.Random(seed)
    until, problems, count, turn = time.monotonic() + seconds, list[str](), 0, 0
    transports: list[Transport] = ["tcp", "ws", "socket"] if token else ["tcp", "ws"]
    while time.monotonic() < until and not problems:
        transport = transports[turn % len(transports)]
        turn += 1
        with tempfile.TemporaryDirectory() as name:
            folder = Path(os.path.realpath(name))
            mutator = Mutator(chance, _messages(f"{folder}/odd"))
            (folder / "good").mkdir()
            (folder / "odd").mkdir()
            async with Service.start(transport) as service, service.session(folder / "good", debounceMs=10) as good:
                picture = Picture(good)
                await picture.read()
                stop = min(until, time.monotonic() + 60)
                while time.monotonic() < stop and not problems:
                    for _ in range(_TURN // _AT_ONCE):
                        await asyncio.gather(*(_odd(service, mutator, chance, token, folder) for _ in range(_AT_ONCE)))
                        count += _AT_ONCE
                    problems += await look(service, good, picture, folder / "good", chance)
                problems += faults(service.process.stderr)
    print(f"{count} odd clients")
    return problems


def faults(stderr: str) -> list[str]:
    """The first lines about what must not happen, and what follows them."""
    lines = stderr.splitlines()
    marks = ("Traceback", " ERROR ", "never retrieved")
    at = next((at for at, line in enumerate(lines) if any(mark in line for mark in marks)), len(lines))
    return lines[at : at + 80]


async def _odd(service: Service, mutator: Mutator, chance: random.Random, token: bool, folder: Path) -> None:
    with contextlib.suppress(OSError, AssertionError, EOFError, UnicodeDecodeError):  # of a text frame
        peer = await service.peer()
        try:
            if token and chance.random() < 0.9:
                params = service.hello(folder / "odd")
                peer.send(framed({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}))
                peer.send(framed({"jsonrpc": "2.0", "method": "initialized", "params": {}}))
            for _ in range(chance.randrange(1, 8)):
                peer.send(mutator.stream())
                await asyncio.sleep(0)
            await _until_quiet(peer)
        finally:
            peer.close_input()
            await _stopped(peer)


async def _until_quiet(peer: Peer) -> None:
    with contextlib.suppress(TimeoutError):
        while await asyncio.wait_for(peer.output.read(1 << 16), 0.05):
            pass


async def _stopped(peer: Peer) -> None:
    async def read() -> None:
        while await peer.output.read(1 << 16):
            pass

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(peer.stop(), read(), return_exceptions=True), 10)


def framed(message: dict[str, Any]) -> bytes:
    body = json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


async def look(
    service: Service, good: RecordingClient, picture: Picture, folder: Path, chance: random.Random
) -> list[str]:
    """Change files, and see that the client which behaves is told of just that."""
    for _ in range(5):
        path = folder / f"{chance.randrange(20)}"
        if chance.random() < 0.4:
            path.unlink(missing_ok=True)
        else:
            path.write_text("x")
    began = time.monotonic()
    try:
        await good.request("reload/sync", timeout=20)
        await good.wait_until(lambda: _agrees(picture, folder), "all edits", 20)
    except Exception as error:
        return [f"the client that behaves: {error!r}, {service.process.stderr[-2000:]}"]
    if time.monotonic() - began > 5:
        return [f"the client that behaves waited {time.monotonic() - began:.1f} s"]
    good.messages.clear()
    await picture.read()
    return [] if picture.files == _there(folder) else [f"wrong: {picture.files ^ _there(folder)}"]


def _agrees(picture: Picture, folder: Path) -> bool:
    picture.apply()
    return picture.files == _there(folder)


def _there(folder: Path) -> set[str]:
    return {os.fspath(path) for path in folder.iterdir()}
