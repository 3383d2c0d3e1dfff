"""A thousand clients of one tree over one socket: memory, and how long 100 changes take to reach all of them.

``python -m tests.benchmarks.many_clients [CLIENTS]`` prints what it measures and asserts nothing. One of the clients
never reads.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

import psutil

from reloadls.protocol import dumps, frame
from tests.support.service import Service, hello

_MARK = b'"type":"created"'
_CHANGES = 100
_TURNS = 5
_DEADLINE_S = 30.0


class Client(asyncio.Protocol):
    """The least that counts what it is told."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.watching = asyncio.Event()
        self.told = 0
        self.last = 0.0
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        self._rest = data[1 - len(_MARK) :]
        if b"reload/didChangeStatus" in data:
            self.watching.set()
        self.told += data.count(_MARK)
        self.last = time.monotonic()

    def say(self, message: dict[str, object]) -> None:
        self.transport.write(frame(dumps({"jsonrpc": "2.0", **message})))


async def measure(clients: int) -> None:
    """Connect them, and print how they are served."""
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        async with Service.start("socket") as service:
            process = psutil.Process(service.process.pid)
            print(f"before any client: {process.memory_info().rss / 2**20:.1f} MiB")
            begun = time.monotonic()
            everyone = []
            for _ in range(clients):
                _, client = await loop.create_unix_connection(Client, service.address)
                options = {"debounceMs": 20, "watchedFiles": False}
                client.say({"id": 1, "method": "initialize", "params": hello([root], options)})
                client.say({"method": "initialized", "params": {}})
                await client.watching.wait()
                everyone.append(client)
            memory = process.memory_info().rss / 2**20
            print(f"{clients} clients after {time.monotonic() - begun:.2f} s: {memory:.1f} MiB")
            everyone[0].transport.pause_reading()
            for turn in range(_TURNS):
                print(f"{_CHANGES} changes reached all others {await spread(root, turn, everyone[1:]):.0f} ms later")
            print(f"in the end: {process.memory_info().rss / 2**20:.1f} MiB")
            for client in everyone:
                client.transport.abort()


async def spread(root: Path, turn: int, clients: list[Client]) -> float:
    """Make changes; return how many ms after the last of them the last client was told of all."""
    before = [client.told for client in clients]
    for number in range(_CHANGES):
        (root / f"f{turn}-{number}").touch()
    written = time.monotonic()
    while any(client.told < told + _CHANGES for client, told in zip(clients, before, strict=True)):
        if time.monotonic() - written > _DEADLINE_S:
            return float("inf")
        await asyncio.sleep(0.002)
    return (max(client.last for client in clients) - written) * 1000


def main() -> None:
    """Measure as many as the command line says."""
    clients = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * clients + 200), hard))
    asyncio.run(measure(clients))


if __name__ == "__main__":
    main()
