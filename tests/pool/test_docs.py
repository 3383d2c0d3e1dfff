"""The programs of docs/pool.md do what the page says."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "pool.md"


def program(text: str) -> dict[str, Any]:
    """The names of the one program of the page that contains a text."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (found,) = [block for block in blocks if text in block]
    names: dict[str, Any] = {"__name__": "docs_pool"}
    exec(found, names)
    return names


def test_the_first_program(capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(program('"room-42", "hello"')["main"]())
    assert capsys.readouterr().out == "room-42 says hello\nsuccess\n"


class Client:
    """One WebSocket of an ASGI application, without a server."""

    def __init__(self, app: Any, path: str) -> None:
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        scope = {"type": "websocket", "path": path, "headers": [], "query_string": b"", "subprotocols": []}
        self.sent.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(app(scope, self.sent.get, self.received.put))

    async def say(self, text: str) -> str:
        self.sent.put_nowait({"type": "websocket.receive", "text": text})
        return str((await self.received.get())["text"])

    async def leave(self) -> None:
        self.sent.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await self.task


async def test_fastapi() -> None:
    pytest.importorskip("fastapi")
    names = program("import FastAPI")
    app, pool = names["app"], names["pool"]
    async with names["lifespan"](app):
        ann, bob = Client(app, "/chat/ann"), Client(app, "/chat/bob")
        for client in (ann, bob):
            assert (await client.received.get())["type"] == "websocket.accept"
        assert await ann.say("hi") == "ann: hi"
        assert await bob.say("ho") == "bob: ho"
        assert pool.active == 2
        again = Client(app, "/chat/ann")
        answers = [await again.received.get() for _ in range(2)]
        assert answers[1]["code"] == 1013
        assert "a live session has the id 'ann'" in answers[1]["reason"]
        await again.task
        await ann.leave()
        await bob.leave()
        pool.begin_drain()
        late = Client(app, "/chat/late")
        assert (await late.received.get())["type"] == "websocket.close"
        await late.task
    assert pool.status.state == "closed"
