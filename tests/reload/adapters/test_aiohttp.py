"""aiohttp: applications of factories and statements are updated while they are served."""

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


def test_an_aiohttp_application_is_reloaded(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SERVED)
    with served(tmp_path, "app.py", "{port}", libraries=libraries("aiohttp>=3.10")) as server:
        play(server, SERVED_EDITS, ["/", "/more", "/other"])


TABLES = """\
from aiohttp import web

routes = web.RouteTableDef()


@routes.get("/")
async def home(request):
    return web.Response(text="home")


@routes.view("/thing")
class Thing(web.View):
    async def get(self):
        return web.Response(text="thing")
"""
TABLE = """\
import sys
from aiohttp import web

from pages import routes

LIST = [web.get("/listed", lambda request: web.Response(text="listed"))]


async def open_database(app):
    app["database"] = "open"


async def close_after(app):
    yield


def init_app():
    app = web.Application()
    app.add_routes(routes)
    app.add_routes(LIST)
    app.on_startup.append(open_database)
    app.cleanup_ctx.append(close_after)
    return app


if __name__ == "__main__":
    web.run_app(init_app(), port=int(sys.argv[1]), print=None)
"""
MODULE = """\
import sys
from aiohttp import web

from pages import routes


async def extra(request):
    return web.Response(text="extra")


app = web.Application()
app.add_routes(routes)
app.router.add_get("/extra", extra)
app.add_routes([web.post("/extra", extra), web.get("/plain", extra)])

if __name__ == "__main__":
    web.run_app(app, port=int(sys.argv[1]), print=None)
"""
LATER = '\n\n@routes.get("/more")\nasync def more(request):\n    return web.Response(text="more")\n'
PATHS = ["/", "/main", "/more", "/thing", "/extra", "/other", "/plain", "/listed"]
OF_TABLES = [
    Edit("pages.py", "", LATER),
    Edit("pages.py", 'text="more"', 'text="much more"'),
    Edit("pages.py", '@routes.get("/")', '@routes.get("/main")'),
    Edit("pages.py", '@routes.get("/more")\n', ""),
    Edit("pages.py", 'text="thing"', 'text="a thing"'),
]


def test_a_table_of_routes_that_a_factory_reads(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(TABLE)
    (tmp_path / "pages.py").write_text(TABLES)
    edits = [
        *OF_TABLES,
        Edit("app.py", '"/listed"', '"/plain"'),
        Edit("app.py", '"open"', '"opened"', "noted", "open_database runs only when the application starts"),
        Edit(
            "app.py", "append(open_database)", "append(print)", "noted", "print runs only when the application starts"
        ),
        Edit("pages.py", "", "\n\nroutes.get(1 / 0)\n", "failed"),
    ]
    with served(tmp_path, "app.py", "{port}", libraries=libraries("aiohttp>=3.10")) as server:
        play(server, edits, PATHS)


def test_routes_of_an_application_that_a_statement_made(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(MODULE)
    (tmp_path / "pages.py").write_text(TABLES)
    edits = [
        *OF_TABLES,
        Edit("app.py", 'add_get("/extra"', 'add_get("/other"'),
        Edit("app.py", 'web.get("/plain", extra)', 'web.get("/more", extra)'),
        Edit("app.py", "web.Application()", "web.Application(client_max_size=5)"),
        Edit("app.py", 'app.router.add_get("/other", extra)\n', ""),
        Edit("app.py", "app.add_routes([", "app.add_routes([1 / 0, ", "failed"),
    ]
    with served(tmp_path, "app.py", "{port}", libraries=libraries("aiohttp>=3.10")) as server:
        play(server, edits, PATHS)


ASYNC = """\
import asyncio
import sys
from aiohttp import web


async def home(request):
    return web.Response(text="home")


async def make():
    app = web.Application()
    app.router.add_get("/", home)
    return app


web.run_app(make(), port=int(sys.argv[1]), print=None)
"""


def test_a_coroutine_that_made_an_application_is_not_run_again(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(ASYNC)
    more = '    app.router.add_get("/", home)\n    app.router.add_get("/more", home)\n'
    with served(tmp_path, "app.py", "{port}", libraries=libraries("aiohttp>=3.10")) as server:
        edits = [
            Edit("app.py", 'text="home"', 'text="the home"'),
            Edit("app.py", '    app.router.add_get("/", home)\n', more, "restart", "a coroutine can't run"),
        ]
        play(server, edits, ["/", "/more"])
