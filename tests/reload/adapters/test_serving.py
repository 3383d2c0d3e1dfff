"""Served applications follow their statements and factories: Litestar, Tornado, Bottle, Falcon, Dash, Quart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.reload.adapters.libraries import libraries
from tests.reload.adapters.served import Edit, play, served

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Case:
    """A program that serves, and the outcomes of its edits."""

    name: str
    requires: tuple[str, ...]
    command: tuple[str, ...]
    files: dict[str, str]
    edits: tuple[Edit, ...]
    paths: tuple[str, ...]


LITESTAR = Case(
    "Litestar",
    ("litestar>=2.12", "uvicorn"),
    ("-m", "uvicorn", "app:app", "--port", "{port}", "--log-level", "warning"),
    {
        "app.py": """\
from litestar import Litestar, get
from litestar.datastructures import State

from lists import TodoList, count


async def prepare(app: Litestar) -> None:
    app.state.started = "once"


@get("/state")
async def show_state(state: State) -> str:
    return str(state["started"])


app = Litestar([TodoList, count, show_state], on_startup=[prepare], openapi_config=None)
""",
        "lists.py": """\
from litestar import Controller, get

ITEMS = ["write", "read"]


@get("/count")
async def count() -> int:
    return len(ITEMS)


class TodoList(Controller):
    path = "/todo"

    @get("/")
    async def all(self) -> list[str]:
        return ITEMS
""",
    },
    (
        Edit("lists.py", '@get("/count")', '@get("/number")'),
        Edit("lists.py", 'path = "/todo"', 'path = "/list"'),
        Edit("lists.py", "return ITEMS", "return ITEMS[:1]"),
        Edit("lists.py", "", '\n    @get("/first")\n    async def first(self) -> str:\n        return ITEMS[0]\n'),
        Edit("lists.py", '"write", "read"', '"write"'),
        Edit("app.py", "[TodoList, count, show_state]", "[TodoList, show_state]"),
        Edit("app.py", '"once"', '"twice"', "noted", "prepare runs only when the application starts"),
        Edit("app.py", "on_startup=[prepare], ", ""),
        Edit("app.py", "openapi_config=None", "openapi_config=None, on_startup=[print]", "noted", "print runs only"),
        Edit("app.py", "[TodoList, show_state]", "[TodoList, nothing]", "failed"),
    ),
    ("/count", "/number", "/todo", "/list", "/list/first"),
)

TORNADO = Case(
    "Tornado",
    ("tornado>=6.4",),
    ("app.py", "{port}"),
    {
        "app.py": """\
import asyncio
import sys

from tornado.web import Application

import pages


def make_app():
    return Application([(r"/", pages.Main), (r"/item/(\\d+)", pages.Item)], word="hello")


async def main():
    app = make_app()
    app.listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
""",
        "pages.py": """\
from tornado.web import RequestHandler


class Main(RequestHandler):
    def get(self):
        self.write(self.settings["word"])


class Item(RequestHandler):
    def get(self, number):
        self.write(f"item {number}")
""",
    },
    (
        Edit("pages.py", 'f"item {number}"', 'f"the item {number}"'),
        Edit("app.py", 'word="hello"', 'word="hi"'),
        Edit("app.py", '(r"/", pages.Main), ', '(r"/", pages.Main), (r"/more", pages.Main), '),
        Edit("app.py", 'word="hi"', "word=1 / 0", "failed"),
        Edit("app.py", "    await asyncio.Event().wait()", "    print(1)\n    await asyncio.Event().wait()", "noted"),
    ),
    ("/", "/item/3", "/more"),
)

BOTTLE = Case(
    "Bottle",
    ("bottle>=0.13",),
    ("app.py", "{port}"),
    {
        "app.py": """\
import sys

from bottle import error, hook, response, route, run

import shop

shop.parts.install(shop.shout)


@hook("after_request")
def mark():
    response.headers["X-Mark"] = "1"


@route("/hello/<name>")
def hello(name):
    return f"hello {name}"


@error(404)
def missing(fault):
    return "nothing here"


if __name__ == "__main__":
    from bottle import default_app

    default_app().merge(shop.parts)
    run(host="127.0.0.1", port=int(sys.argv[1]), quiet=True)
""",
        "shop.py": """\
from bottle import Bottle

parts = Bottle()


def shout(call):
    def louder(*args, **kwargs):
        return call(*args, **kwargs) + "!"

    return louder


@parts.get("/shop")
def shop():
    return "shop"
""",
    },
    (
        Edit("app.py", 'f"hello {name}"', 'f"hi {name}"'),
        Edit("app.py", '@route("/hello/<name>")', '@route("/hi/<name>")'),
        Edit("app.py", '@route("/hi/<name>")', '@route("/hi/<name>")\n@route("/hello/<name>")'),
        Edit("app.py", '"nothing here"', '"no page here"'),
        Edit("app.py", '@error(404)\ndef missing(fault):\n    return "no page here"\n', ""),
        Edit("app.py", '@route("/hi/<name>")\n', "@route(1 / 0)\n", "failed"),
    ),
    ("/hello/you", "/hi/you", "/shop", "/nowhere"),
)

FALCON = Case(
    "Falcon",
    ("falcon>=4",),
    ("app.py", "{port}"),
    {
        "app.py": """\
import sys
from wsgiref.simple_server import make_server

import falcon

from things import Quote, Things

app = falcon.App()
things = Things()
app.add_route("/things", things)
app.add_route("/quote", Quote())

if __name__ == "__main__":
    with make_server("127.0.0.1", int(sys.argv[1]), app) as server:
        server.serve_forever()
""",
        "things.py": """\
class Things:
    def __init__(self):
        self.asked = 0

    def on_get(self, req, resp):
        resp.text = "things"


class Quote:
    def on_get(self, req, resp):
        resp.media = {"quote": "so it goes"}
""",
    },
    (
        Edit("things.py", '"things"', '"all things"'),
        Edit("app.py", '"/things"', '"/all"'),
        Edit("app.py", "falcon.App()", "falcon.App(cors_enable=True)"),
        Edit(
            "things.py",
            "    def on_get(self, req, resp):\n        resp.media",
            "    def on_post(self, req, resp):\n        resp.media",
        ),
        Edit("app.py", '"/quote"', "1 / 0", "failed"),
    ),
    ("/things", "/all", "/quote"),
)

DASH = Case(
    "Dash",
    ("dash>=3",),
    ("app.py", "{port}"),
    {
        "app.py": """\
import sys

from dash import Dash, Input, Output, callback, dcc, html

from parts import head

app = Dash(title="Figures")
app.layout = html.Div([head("Figures"), dcc.Input(id="name"), html.P(id="said")])


@callback(Output("said", "children"), Input("name", "value"))
def say(name):
    return f"hello {name}"


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]), debug=False)
""",
        "parts.py": "from dash import html\n\n\ndef head(text):\n    return html.H1(text)\n",
    },
    (
        Edit("parts.py", "html.H1(text)", "html.H2(text)"),
        Edit("app.py", 'html.P(id="said")', 'html.P(id="said"), html.P(id="more")'),
        Edit("app.py", 'Output("said", "children")', 'Output("more", "children")'),
        Edit("app.py", 'title="Figures"', 'title="Numbers"'),
        Edit("app.py", 'Output("more", "children")', "1 / 0", "failed"),
    ),
    ("/_dash-layout", "/_dash-dependencies"),
)


FASTAPI = Case(
    "FastAPI",
    ("fastapi>=0.115", "uvicorn"),
    ("-m", "uvicorn", "app:app", "--port", "{port}", "--log-level", "warning"),
    {
        "app.py": """\
from contextlib import asynccontextmanager

from fastapi import FastAPI

FOUND = {}


@asynccontextmanager
async def lifespan(app):
    FOUND["open"] = 1
    yield
    FOUND.clear()


app = FastAPI(lifespan=lifespan)


@app.get("/")
def home():
    return sorted(FOUND)
""",
    },
    (
        Edit("app.py", "return sorted(FOUND)", "return len(FOUND)"),
        Edit("app.py", 'FOUND["open"] = 1', 'FOUND["open"] = FOUND["more"] = 1', "noted"),
    ),
    ("/",),
)
HOOKS = Case(
    "FastAPI's hooks",
    FASTAPI.requires,
    FASTAPI.command,
    {
        "app.py": """\
from fastapi import FastAPI

app = FastAPI()
found = {}


@app.on_event("startup")
def prepare():
    found["open"] = 1


@app.get("/")
def home():
    return sorted(found)
""",
    },
    (
        Edit("app.py", "return sorted(found)", "return len(found)"),
        Edit("app.py", 'found["open"] = 1', 'found["open"] = found["more"] = 1', "noted", "prepare runs only when"),
        Edit(
            "app.py",
            "",
            '\n\n@app.on_event("startup")\ndef also():\n    found["also"] = 1\n',
            "noted",
            "also runs only when",
        ),
    ),
    ("/",),
)


@pytest.mark.parametrize(
    "case",
    [LITESTAR, TORNADO, BOTTLE, FALCON, DASH, FASTAPI, HOOKS],
    ids=lambda case: case.name,
)
def test_served_applications_follow_their_statements(case: Case, tmp_path: Path) -> None:
    for path, text in case.files.items():
        (tmp_path / path).write_text(text)
    with served(tmp_path, *case.command, libraries=libraries(*case.requires)) as server:
        play(server, case.edits, case.paths)
