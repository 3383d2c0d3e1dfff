"""Load: guests that ask over and over, each request on a connection of its own, and remember how it went."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Counts", "Load", "ask"]

_TIMEOUT_S: Final = 10.0
_THINK_S: Final = 0.004


@dataclass
class Counts:
    """What has come of the requests so far.

    Attributes:
        requests: those that were answered, and those that were not.
        lost: those without a right answer.
        kept: answers that went on with the guest's count.
        broken: answers that did not, although the process was the same.
        anew: answers that began anew in another process.
        first_fault: what was wrong first.
    """

    requests: int = 0
    lost: int = 0
    kept: int = 0
    broken: int = 0
    anew: int = 0
    first_fault: str = ""
    slowest_ms: float = 0.0


@dataclass
class _Guest:
    name: str
    pid: int = 0
    count: int = 0


@dataclass
class Load:
    """Guests on a port, from `start` to `stop`."""

    port: int
    guests: int = 8
    counts: Counts = field(default_factory=Counts)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _ending: bool = False

    def start(self) -> None:
        """Have the guests come."""
        self._tasks = [asyncio.create_task(self._stay(_Guest(f"g{number}"))) for number in range(self.guests)]

    async def stop(self) -> None:
        """Have each guest get the answer that it waits for, and leave."""
        self._ending = True
        await asyncio.gather(*self._tasks)

    async def cancel(self) -> None:
        """Have them leave at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _stay(self, guest: _Guest) -> None:
        turn = 0
        while not self._ending:
            turn += 1
            await self._request(guest, f"/?name={guest.name}" if turn % 2 else "/offer?item=cake")
            await asyncio.sleep(_THINK_S)

    async def _request(self, guest: _Guest, path: str) -> None:
        began = time.perf_counter()
        self.counts.requests += 1
        try:
            status, _, body = await ask(self.port, path)
            if status != 200:
                raise ValueError(f"status {status}")
            answer = json.loads(body)
        except (OSError, ValueError, asyncio.IncompleteReadError) as error:
            self.counts.lost += 1
            self.counts.first_fault = self.counts.first_fault or f"{path}: {error!r}"
            return
        self.counts.slowest_ms = max(self.counts.slowest_ms, (time.perf_counter() - began) * 1000)
        if "count" in answer:
            self._compare(guest, answer["pid"], answer["count"])

    def _compare(self, guest: _Guest, pid: int, count: int) -> None:
        if guest.pid not in (0, pid):
            self.counts.anew += 1
        elif count == guest.count + 1:
            self.counts.kept += 1
        else:
            self.counts.broken += 1
            fault = f"{guest.name} had {guest.count}, and has {count}"
            self.counts.first_fault = self.counts.first_fault or fault
        guest.pid, guest.count = pid, count


async def ask(port: int, path: str) -> tuple[int, str, str]:
    """Status, headers and body of one GET. Raises OSError, ValueError, IncompleteReadError."""
    async with asyncio.timeout(_TIMEOUT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            body = await reader.read()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    status, _, headers = head.partition("\r\n")
    length = next((int(line[15:]) for line in headers.split("\r\n") if line.startswith("content-length:")), None)
    if length is not None and length != len(body):
        raise ValueError(f"{len(body)} of {length} bytes came")
    return int(status.split(" ")[1]), headers, body.decode()
