"""A server that counts its requests: `reloadls run counter_server.py PORT`. Edit `greeting`: the counter stays."""

from __future__ import annotations

import sys

from aiohttp import web

REQUESTS = {"count": 0}


def greeting() -> str:
    """The text of each response."""
    return "hello"


async def index(request: web.Request) -> web.Response:
    """Count, and greet."""
    REQUESTS["count"] += 1
    return web.Response(text=f"{greeting()} {REQUESTS['count']}")


app = web.Application()
app.add_routes([web.get("/", index)])

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
