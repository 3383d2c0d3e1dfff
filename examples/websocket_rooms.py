"""Chat rooms over WebSockets: `reloadls run uvicorn websocket_rooms:app`. Edit the greeting: open rooms follow.

Each connection to ws://127.0.0.1:8000/rooms/NAME is a session of a pool. `reloadls status` lists them, `reloadls drain
rooms` admits no more. The server's end drains the pool, too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, WebSocket

from reloadls.pool import PoolError, Session, SessionPool


class Bot:
    """Answers in one room."""

    def __init__(self) -> None:
        self.greeting = "hello"
        self.heard = 0

    def __rebind__(self, report: object) -> None:
        """Follow an edit of `__init__`; how many lines were heard is kept."""
        self.greeting = Bot().greeting

    def answer(self, name: str, text: str) -> str:
        """Return the answer to one line."""
        self.heard += 1
        return f"{self.greeting} {name}, line {self.heard} was {text}"


async def room(session: Session) -> None:
    """Answer until the guest leaves."""
    bot, socket = session.bind(Bot()), session.data
    async for text in socket.iter_text():
        await socket.send_text(bot.answer(session.id, text))


rooms = SessionPool(room, name="rooms", max_sessions=2)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Admit guests while the server runs, and let rooms end by themselves after that."""
    async with rooms:
        yield
        await rooms.drain(10)


app = FastAPI(lifespan=lifespan)


@app.websocket("/rooms/{name}")
async def connect(socket: WebSocket, name: str) -> None:
    """Reserve a place, accept the connection, and have it end with its session."""
    try:
        async with rooms.reserve() as place:
            await socket.accept()
            handle = await place.launch(name, socket)
    except PoolError as error:
        await socket.close(1013, str(error))  # 1013: try again later
        return
    await handle.wait()
