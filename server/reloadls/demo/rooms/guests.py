"""Guests: each has a connection of its own, asks over and over, and remembers how it went."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Counts", "Guest", "Guests"]

_TIMEOUT_S: Final = 15.0
_THINK_S: Final = 0.25

Until = Callable[[Callable[[], bool]], Coroutine[Any, Any, bool]]
"""Waits for a condition, with a deadline; returns whether it holds."""


class ConversationEnded(ValueError):
    """The program ended a conversation by itself."""


@dataclass
class Counts:
    """What has come of the questions so far.

    Attributes:
        answers: those that were answered rightly.
        lost: those that were not, and conversations that broke off or began anew.
        first_fault: what was wrong first.
    """

    answers: int = 0
    lost: int = 0
    first_fault: str = ""

    def lose(self, fault: str) -> None:
        """Count one as lost."""
        self.lost += 1
        self.first_fault = self.first_fault or fault


class Guest:
    """One conversation.

    Args:
        name: the id of the session.
        port: where the program listens.
        counts: where answers are counted.
        think_s: how long to wait between two questions, in seconds.
    """

    def __init__(self, name: str, port: int, counts: Counts, think_s: float = _THINK_S) -> None:
        self.name = name
        self.turn = 0
        self.last: dict[str, Any] = {}
        """The last answer."""
        self._port = port
        self._counts = counts
        self._think_s = think_s
        self._next: list[str] = []
        self._leaving = False

    def say(self, text: str) -> None:
        """Have it say something that is not answered, before its next question."""
        self._next.append(text)

    def leave(self) -> None:
        """Have it say bye after the answer that it waits for."""
        self._leaving = True

    async def stay(self) -> None:
        """Talk until asked to leave."""
        try:
            await self._stay()
        except (OSError, ValueError, TimeoutError) as error:
            self._counts.lose(f"{self.name}: {error!r}")

    async def _stay(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(f"{self.name}\n".encode())
            while not self._leaving:
                if not await self._ask(reader, writer):
                    return
                await asyncio.sleep(self._think_s)
            writer.write(b"bye\n")
            if await asyncio.wait_for(reader.read(), _TIMEOUT_S):
                raise ValueError("an answer came that nobody asked for")
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Ask once; returns whether the conversation goes on."""
        said, self._next = self._next, []
        for text in said:
            writer.write(f"{text}\n".encode())
        writer.write(f"hello {self.turn + 1}\n".encode())
        line = await asyncio.wait_for(reader.readline(), _TIMEOUT_S)
        if not line and "crash" in said:
            return False
        if not line:
            raise ConversationEnded(f"after turn {self.turn}")
        answer = json.loads(line)
        if "refused" in answer:
            raise ValueError(answer["refused"])
        if answer["turn"] != self.turn + 1:
            raise ValueError(f"turn {self.turn} was followed by {answer['turn']}")
        self.turn, self.last = answer["turn"], answer
        self._counts.answers += 1
        return True


class Guests:
    """All guests, from `come` to `leave`."""

    def __init__(self, port: int) -> None:
        self.counts = Counts()
        self.all: list[Guest] = []
        self.port = port
        self._tasks: dict[Guest, asyncio.Task[None]] = {}

    def come(self, names: list[str]) -> list[Guest]:
        """Have guests begin to talk."""
        new = [Guest(name, self.port, self.counts) for name in names]
        self.all += new
        for guest in new:
            self._tasks[guest] = asyncio.create_task(guest.stay())
        return new

    async def gone(self, guest: Guest) -> None:
        """Wait until a guest's conversation has ended."""
        await self._tasks.pop(guest)
        self.all.remove(guest)

    async def leave(self) -> None:
        """Have all leave, and wait for that."""
        for guest in self.all:
            guest.leave()
        await asyncio.gather(*self._tasks.values())

    async def cancel(self) -> None:
        """Have them leave at once."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def showing(self, field: str, begin: str) -> int:
        """How many have an answer whose field begins so."""
        return sum(str(guest.last.get(field, "")).startswith(begin) for guest in self.all)

    async def asked_again(self, guests: list[Guest], until: Until) -> bool:
        """Wait until each of these has got another answer; returns whether they have."""
        turns = {guest: guest.turn for guest in guests}
        return await until(lambda: all(guest.turn > turn for guest, turn in turns.items()))

    async def refusal(self) -> str:
        """Try to come late; returns why that was refused, "" if it was not."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(b"late\nhello\n")
            answer = json.loads(await asyncio.wait_for(reader.readline(), _TIMEOUT_S))
        finally:
            writer.close()
        return str(answer.get("refused", ""))
