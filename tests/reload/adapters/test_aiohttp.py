"""An application of aiohttp that a function made is made again while it is served."""

from __future__ import annotations

from pathlib import Path

from tests.reload.adapters.libraries import libraries
from tests.reload.adapters.served import Edit, play, served

SERVED = """\
import sys
from aiohttp import web


async def home(request):
    request.app["hits"] += 1
    return web.Response(text="home")


@web.middleware
async def mark(request, handler):
    response = await handler(request)
    response.text += " marked"
    return response


def init_app():
    app = web.Application(middlewares=[mark])
    app["hits"] = 0
    app.router.add_get("/", home)
    return app


web.run_app(init_app(), port=int(sys.argv[1]), print=None)
"""
SERVED_EDITS = [
    Edit("app.py", 'text="home"', 'text="the home"'),
    Edit(
        "app.py",
        '    app.router.add_get("/", home)\n',
        '    app.router.add_get("/", home)\n    app.router.add_get("/more", home)\n',
    ),
    Edit("app.py", 'add_get("/more"', 'add_get("/other"'),
    Edit("app.py", '" marked"', '" is marked"'),
    Edit("app.py", "middlewares=[mark]", ""),
    Edit("app.py", '    app["hits"] = 0\n', '    app["hits"] = 1 / 0\n', "failed"),
]


def test_an_application_of_aiohttp(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SERVED)
    with served(tmp_path, "app.py", "{port}", libraries=libraries("aiohttp>=3.10")) as server:
        play(server, SERVED_EDITS, ["/", "/more", "/other"])
