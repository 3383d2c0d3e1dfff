"""FastAPI: after any edit an application equals a fresh start."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from reloadls import FileChange
from tests.reload.adapters.live import Edit, Live, check

pytest.importorskip("fastapi")
pytest.importorskip("httpx2")

from fastapi.testclient import TestClient

MODELS = '''\
from enum import Enum

from pydantic import BaseModel


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    """Where."""

    city: str


class User(BaseModel):
    name: str
    colour: Colour = Colour.RED
    address: Address | None = None
    friends: list["User"] = []
'''
DEPS = """\
from fastapi import Header


def page(number: int = 1):
    return number


def token(x_token: str = Header("none")):
    return x_token


class Limits:
    def __init__(self, low: int = 0):
        self.low = low
"""
USERS = '''\
from deps import page
from fastapi import APIRouter, Depends
from models import User

router = APIRouter(prefix="/users", tags=["users"])


@router.get("/me")
def me(number: int = Depends(page)):
    """Who I am."""
    return {"me": number}


@router.get("/{name}")
def show(name: str):
    return {"name": name}


@router.post("/", response_model=User, status_code=201)
def create(user: User):
    return user
'''
APP = '''\
from deps import Limits, token
from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.routing import APIRoute
from starlette.middleware.gzip import GZipMiddleware
import users

app = FastAPI(title="first")
app.state.started = "yes"


class Teapot(Exception):
    pass


@app.exception_handler(Teapot)
async def teapot(request: Request, error: Teapot):
    return JSONResponse("short", status_code=418)


@app.middleware("http")
async def mark(request: Request, call_next):
    response = await call_next(request)
    response.headers["x-mark"] = "a"
    return response


@app.get("/")
def home(limits: Limits = Depends()):
    """The first page."""
    return {"low": limits.low}


@app.get("/stout")
def stout():
    raise Teapot


app.include_router(users.router)
for version in ("v1", "v2"):
    app.include_router(users.router, prefix=f"/{version}", dependencies=[Depends(token)])


@app.websocket("/ws")
async def ws(socket: WebSocket, word: str = "hi"):
    await socket.accept()
    await socket.send_text(word)
    await socket.close()


def ping():
    return PlainTextResponse("pong")


app.add_api_route("/ping", ping, methods=["GET"])


def attach(target):
    target.add_api_route("/attached", ping)


attach(app)
other = FastAPI()


@other.get("/inner")
def inner():
    return "inner"


app.mount("/other", other)
app.add_middleware(GZipMiddleware, minimum_size=100_000)
'''
FILES = {"models.py": MODELS, "deps.py": DEPS, "users.py": USERS, "app.py": APP}

REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", "/", None),
    ("GET", "/?low=3", None),
    ("GET", "/stout", None),
    ("GET", "/users/me?number=4", None),
    ("GET", "/users/me?size=4", None),
    ("GET", "/users/ann", None),
    ("GET", "/v2/users/ann", None),
    ("GET", "/v3/users/ann", None),
    ("POST", "/users/", {"name": "ann"}),
    ("POST", "/users/", {"name": "ann", "colour": "green", "address": {"city": "x", "zip": 1}, "friends": [{}]}),
    ("POST", "/v1/users/", {"name": "ann", "age": 3, "friends": [{"name": "bob", "age": 4}]}),
    ("GET", "/ping", None),
    ("GET", "/attached", None),
    ("GET", "/other/inner", None),
    ("GET", "/new", None),
]


def describe(module: ModuleType) -> Any:
    """Return everything that a client can observe."""
    with TestClient(module.app, raise_server_exceptions=False) as client:
        return answers(client), schema_of(client), outline(module.app)


def answers(client: TestClient) -> list[Any]:
    found: list[Any] = []
    for method, path, body in REQUESTS:
        answer = client.request(method, path, json=body, headers={"accept-encoding": "identity"})
        found.append((path, answer.status_code, answer.text, answer.headers.get("x-mark")))
    with client.websocket_connect("/ws?word=ho") as socket:
        found.append(("/ws", socket.receive_text()))
    return found


def schema_of(client: TestClient) -> Any:
    schema = client.get("/openapi.json").json()
    return schema, list(schema["paths"])


def outline(app: Any) -> Any:
    """Return the order of routes and middleware, and the state set by statements."""
    routes = [(type(each).__name__, getattr(each, "path", "")) for each in app.routes]
    middleware = [(each.cls.__name__, sorted(each.kwargs)) for each in app.user_middleware]
    return routes, middleware, app.state.started


EDITS: dict[str, list[Edit]] = {
    "a body": [("app.py", '"low": limits.low', '"low": -limits.low')],
    "a docstring": [("users.py", "Who I am.", "Who I really am.")],
    "a path": [("users.py", '"/me"', '"/myself"')],
    "a status": [("users.py", "status_code=201", "status_code=202")],
    "a parameter": [("users.py", "def show(name: str)", "def show(name: str, loud: bool = False)")],
    "async": [("app.py", "def home(", "async def home(")],
    "a handler gone": [("users.py", '@router.get("/{name}")\ndef show(name: str):\n    return {"name": name}\n', "")],
    "a decorator gone": [("app.py", '@app.get("/stout")\n', "")],
    "a handler between": [
        (
            "users.py",
            '@router.get("/{name}")',
            '@router.get("/new/{n}")\ndef new(n: int):\n    return n\n\n\n@router.get("/{name}")',
        )
    ],
    "a handler first": [
        (
            "users.py",
            '@router.get("/me")',
            '@router.get("/{word}")\ndef word(word: str):\n    return word\n\n\n@router.get("/me")',
        )
    ],
    "handlers in another order": [
        ("users.py", '@router.get("/{name}")\ndef show(name: str):\n    return {"name": name}\n', ""),
        (
            "users.py",
            '@router.get("/me")',
            '@router.get("/{name}")\ndef show(name: str):\n    return {"name": name}\n\n\n@router.get("/me")',
        ),
    ],
    "a handler at the end": [("app.py", "", '\n\n@app.get("/new")\ndef new():\n    return "new"\n')],
    "a dependency's body": [("deps.py", "return number", "return number * 2")],
    "a dependency's parameter": [
        ("deps.py", "number: int = 1", "size: int = 2"),
        ("deps.py", "return number", "return size"),
    ],
    "a dependency that is a class": [("deps.py", "low: int = 0", "low: int = 7")],
    "a header": [("deps.py", 'Header("none")', "Header()")],
    "a field": [("models.py", "    city: str", "    city: str\n    zip: int = 0")],
    "a field that is needed": [("models.py", "    name: str", "    name: str\n    age: int")],
    "an enum": [("models.py", '    BLUE = "blue"', '    BLUE = "blue"\n    GREEN = "green"')],
    "a model's docstring": [("models.py", '"""Where."""', '"""Where it is."""')],
    "another response model": [
        ("users.py", "from models import User", "from models import Address, User"),
        ("users.py", "response_model=User", "response_model=Address | User"),
    ],
    "a router's prefix": [("users.py", 'prefix="/users"', 'prefix="/people"')],
    "a router's tags": [("users.py", 'tags=["users"]', 'tags=["people"]')],
    "included elsewhere": [("app.py", '("v1", "v2")', '("v2", "v3")')],
    "included once more": [("app.py", '("v1", "v2")', '("v1", "v2", "v3")')],
    "not included": [("app.py", "app.include_router(users.router)\n", "")],
    "an exception handler": [
        ("app.py", 'JSONResponse("short", status_code=418)', 'JSONResponse("stout", status_code=400)')
    ],
    "an exception handler gone": [("app.py", "@app.exception_handler(Teapot)\n", "")],
    "an exception handler for another": [("app.py", "exception_handler(Teapot)", "exception_handler(ValueError)")],
    "middleware": [("app.py", 'response.headers["x-mark"] = "a"', 'response.headers["x-mark"] = "b"')],
    "middleware with a default": [
        ("app.py", "async def mark(request: Request, call_next)", "async def mark(request: Request, call_next, more=1)")
    ],
    "middleware gone": [("app.py", '@app.middleware("http")\n', "")],
    "middleware's argument": [("app.py", "minimum_size=100_000", "minimum_size=200_000, compresslevel=5")],
    "middleware more": [("app.py", "", "app.add_middleware(GZipMiddleware)\n")],
    "a websocket": [
        ("app.py", 'word: str = "hi"', 'word: str = "hi", more: str = "!"'),
        ("app.py", "send_text(word)", "send_text(word + more)"),
    ],
    "a route of a call": [
        ("app.py", '"/ping", ping, methods=["GET"]', '"/ping", ping, methods=["GET"], include_in_schema=False')
    ],
    "what a call calls": [("app.py", 'PlainTextResponse("pong")', 'PlainTextResponse("PONG")')],
    "what a call calls, with a parameter": [("app.py", "def ping():", 'def ping(more: str = ""):')],
    "a function that adds routes": [("app.py", 'add_api_route("/attached"', 'add_api_route("/new"')],
    "a mounted application": [("app.py", 'return "inner"', 'return "INNER"')],
    "a mounted application's path": [("app.py", '@other.get("/inner")', '@other.get("/innermost")')],
    "mounted elsewhere": [("app.py", '"/other", other', '"/elsewhere", other')],
    "the application": [("app.py", 'FastAPI(title="first")', 'FastAPI(title="second", version="2")')],
    "the application's state": [("app.py", 'app.state.started = "yes"', 'app.state.started = "again"')],
    "lines above": [
        ("app.py", "import users\n", "import users\n\n# words\n# more words\n"),
        ("users.py", "from deps", "\n\n\nfrom deps"),
    ],
    "several files": [
        ("models.py", "    name: str", "    name: str\n    age: int = 0"),
        ("deps.py", "number: int = 1", "number: int = 5"),
        ("users.py", '"/me"', '"/I"'),
        ("app.py", '"/ping"', '"/pings"'),
    ],
}


@pytest.mark.parametrize("edits", [pytest.param(edits, id=name) for name, edits in EDITS.items()])
def test_after_an_edit(live: Live, edits: list[Edit]) -> None:
    check(live, FILES, edits, describe)


_FROM_INSIDE = """\
from fastapi import APIRouter, FastAPI
from reloadls.reload import HotReloader

reloader = HotReloader([{folder!r}])
users = APIRouter()


@users.get("/me")
def me():
    return "me"


app = FastAPI()
app.include_router(users, prefix="/a")
"""


def test_an_application_that_creates_the_engine_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "from_inside.py"
    file.write_text(_FROM_INSIDE.format(folder=str(tmp_path)))
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("from_inside")
    with TestClient(module.app) as client:
        assert client.get("/a/me").status_code == 200
        file.write_text(file.read_text().replace('"/a"', '"/b"'))
        assert module.reloader.apply([FileChange(file, "modified")]).status == "reloaded"
        module.reloader.close()
        assert [client.get(path).status_code for path in ("/a/me", "/b/me")] == [404, 200]
    del sys.modules["from_inside"]
