"""Chat rooms in a session pool: `reloadls run chat_rooms.py`. Edit the greeting in `Bot.__init__`: open rooms follow.

Input: `ann hello` says hello in Ann's room, which opens with the first line; `ann bye` closes it.
"""

from __future__ import annotations

import asyncio
import sys

from reloadls.pool import PoolError, Session, SessionHandle, SessionPool


class Bot:
    """Answers in one room."""

    def __init__(self) -> None:
        self.greeting = "hello"

    def __rebind__(self, report: object) -> None:
        """Follow an edit of `__init__`; other state would be kept."""
        self.greeting = Bot().greeting
        print("reloaded", flush=True)

    def answer(self, name: str, text: str) -> str:
        """Return the answer to one line."""
        return f"{self.greeting} {name}, you said {text}"


async def room(session: Session) -> None:
    """Answer until somebody says bye."""
    bot, lines = session.bind(Bot()), session.data
    while (text := await lines.get()) != "bye":
        print(bot.answer(session.id, text), flush=True)


async def main() -> None:
    """Pass each line of the input to its room."""
    rooms: dict[str, tuple[SessionHandle, asyncio.Queue[str]]] = {}
    async with SessionPool(room, max_sessions=2) as pool:
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            name, _, text = line.strip().partition(" ")
            if name not in rooms or rooms[name][0].state == "ended":
                lines: asyncio.Queue[str] = asyncio.Queue()
                try:
                    rooms[name] = await pool.launch(name, lines), lines
                except PoolError as error:
                    print(error, flush=True)
                    continue
            rooms[name][1].put_nowait(text)
        for _, lines in rooms.values():
            lines.put_nowait("bye")
        await pool.drain(10)


if __name__ == "__main__":
    asyncio.run(main())
