"""Send a request to an ASGI application, without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["ask"]

Asgi = Callable[[dict[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]


def ask(app: Asgi, method: str, target: str, body: Any = None) -> tuple[int, Any]:
    """Return the status and the body (decoded if it is JSON) of one request."""
    return asyncio.run(_ask(app, method, target, body))


async def _ask(app: Asgi, method: str, target: str, body: Any) -> tuple[int, Any]:
    path, _, query = target.partition("?")
    content = b"" if body is None else json.dumps(body).encode()
    headers = [(b"host", b"test"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": headers,
        "server": ("test", 80),
        "client": ("test", 1),
        "state": {},
    }
    requests = [{"type": "http.request", "body": content, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return requests.pop() if requests else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], _decode(b"".join(message.get("body", b"") for message in sent[1:]))


def _decode(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode()
