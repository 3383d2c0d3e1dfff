"""Odd clients of a running program's socket: it runs on, answers, and takes saves up."""

from __future__ import annotations

import contextlib
import random
import socket
import tempfile
import time
from pathlib import Path

from tests.fuzz.mutate import Mutator
from tests.reload.runtime.programs import TICKING, Program, program, write

__all__ = ["fuzz_program"]

_METHODS = ("reload/status", "reload/trigger", "reload/pause", "reload/resume", "reload/sync", "x", "$/cancelRequest")


def fuzz_program(seconds: float, seed: int) -> list[str]:
    """Return what went wrong."""
    chance = random.Random(seed)
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"uris": ["file:///x.py"]}} for method in _METHODS
    ]
    mutator = Mutator(chance, [*messages, {"jsonrpc": "2.0", "id": 1, "result": 1}])
    count, until = 0, time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, app=TICKING, word='def word(): return "w0"\n')
        with program(folder, "--debounce-ms", "5") as running:
            running.connect()
            while time.monotonic() < until:
                path = running.advert()["socket"]
                for _ in range(40):
                    _odd(path, mutator, chance)
                    count += 1
                try:
                    _look(running, count)
                except (AssertionError, OSError) as error:
                    return [f"after {count} odd clients: {error!r}", *running.running.err[-20:]]
            problems = [line for line in running.running.err if "Traceback" in line or "never retrieved" in line]
    print(f"{count} odd clients")
    return problems


def _odd(path: str, mutator: Mutator, chance: random.Random) -> None:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(0.02)
        client.connect(path)
        for _ in range(chance.randrange(1, 6)):
            client.sendall(mutator.stream())
        with contextlib.suppress(TimeoutError):
            while client.recv(1 << 16):
                pass


def _look(running: Program, number: int) -> None:
    client = running.connect()  # it is live: a pause ends with the client
    write(running.folder, word=f'def word(): return "w{number}"\n')
    running.until_output(f"w{number}")
    assert client.ask("reload/status")["result"]["targets"][0]["state"] == "live"
    running.close()
    running._clients.clear()
    del running.running.out[:-10]
