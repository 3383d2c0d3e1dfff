"""Libraries that the program registers with: bots, task queues, REST frameworks, Falcon, Sanic, plum, injector."""

from __future__ import annotations

import pytest

from tests.reload.adapters.inside import Case, check_case

pytestmark = pytest.mark.timeout(300)

TELEGRAM = Case(
    "python-telegram-bot",
    ("python-telegram-bot>=22",),
    {
        "app.py": """\
from telegram.ext import ApplicationBuilder

from handlers import echo, register

application = ApplicationBuilder().token("42:TEST").updater(None).build()
register(application)


def hold():
    return application


def describe(held):
    return {
        group: [(sorted(getattr(each, "commands", ())), each.callback.__name__) for each in handlers]
        for group, handlers in held.handlers.items()
        if handlers
    }
""",
        "handlers.py": """\
from telegram.ext import CommandHandler, MessageHandler, filters


async def start(update, context):
    pass


async def echo(update, context):
    pass


def register(application):
    application.add_handler(CommandHandler("start", start))
    application.add_handler(MessageHandler(filters.TEXT, echo))
""",
    },
    (
        (("handlers.py", 'CommandHandler("start", start)', 'CommandHandler("begin", start)'), "live"),
        (("handlers.py", "filters.TEXT, echo)", "filters.TEXT, echo), 1"), "live"),
        (("app.py", "register(application)\n", "register(application)\nN = 1\n"), "live"),
        (("handlers.py", '    application.add_handler(CommandHandler("begin", start))\n', ""), "live"),
    ),
)

AIOGRAM = Case(
    "aiogram",
    ("aiogram>=3",),
    {
        "app.py": """\
from aiogram import Dispatcher

import common
import orders


class Throttle:
    limit = 1

    async def __call__(self, handler, event, data):
        return await handler(event, data)


dp = Dispatcher(name='all')
dp.message.middleware(Throttle())
dp.include_router(orders.router)
dp.include_router(common.router)


def hold():
    return dp


def describe(held):
    found = [(router.name, [each.callback.__name__ for each in router.message.handlers]) for router in held.chain_tail]
    return found, [each.limit for each in held.message.middleware]
""",
        "common.py": """\
from aiogram import Router

router = Router(name="common")


@router.message()
async def other(message):
    pass
""",
        "orders.py": "from aiogram import Router\n\nrouter = Router(name='orders')\n",
    },
    (
        (
            (
                "app.py",
                "dp.include_router(orders.router)\ndp.include_router(common.router)\n",
                "dp.include_router(common.router)\ndp.include_router(orders.router)\n",
            ),
            "live",
        ),
        (("orders.py", "", "\n\n@router.message()\nasync def order(message):\n    pass\n"), "live"),
        (("app.py", "dp.include_router(common.router)\n", ""), "live"),
        (("app.py", "limit = 1", "limit = 2"), "live"),
        (("app.py", "dp.message.middleware(Throttle())", "dp.message.middleware.register(Throttle())"), "live"),
        (("app.py", "dp.message.middleware.register(Throttle())\n", ""), "live"),
        (("app.py", "dp.include_router(orders.router)", "dp.include_router(orders)"), "failed: ValueError"),
    ),
)

DRAMATIQ = Case(
    "dramatiq",
    ("dramatiq>=1.17",),
    {
        "app.py": """\
import tasks
from queues import broker


def hold():
    return broker


def describe(held):
    return {name: (each.options, each.queue_name, each.fn(1)) for name, each in sorted(held.actors.items())}
""",
        "queues.py": "from dramatiq.brokers.stub import StubBroker\n\nbroker = StubBroker()\n",
        "tasks.py": """\
import dramatiq

from queues import broker


@dramatiq.actor(broker=broker, max_retries=0)
def add(n):
    return n + 1
""",
    },
    (
        (("tasks.py", "n + 1", "n + 2"), "live"),
        (("tasks.py", "max_retries=0", "max_retries=3"), "live"),
        (
            (
                "tasks.py",
                "",
                "\n\n@dramatiq.actor(broker=broker, queue_name='slow')\ndef half(n):\n    return n\n",
            ),
            "live",
        ),
        (("tasks.py", "@dramatiq.actor(broker=broker, queue_name='slow')\n", ""), "live"),
    ),
)

RESTFUL = Case(
    "a class that is registered by its decorator",
    ("flask-restful>=0.3.10",),
    {
        "app.py": """\
from flask import Flask
from flask_restful import Api, Resource

from fields import NAME

app = Flask(__name__)
api = Api(app)


@api.resource("/items/" + NAME)
class Items(Resource):
    def get(self):
        return "one"


def hold():
    return app


def describe(held):
    client = held.test_client()
    return [(each.status_code, each.json) for each in map(client.get, ["/items/a", "/items/b"])]
""",
        "fields.py": "NAME = 'a'\n",
    },
    (
        (("app.py", '"one"', '"two"'), "live"),
        (("fields.py", "'a'", "'b'"), "live"),
        (("app.py", '"two"', '"three"'), "live"),
    ),
)

REST_FRAMEWORK = Case(
    "Django REST framework",
    ("django>=5.2", "djangorestframework>=3.16"),
    {
        "app.py": """\
import django
from django.conf import settings

settings.configure(ROOT_URLCONF="urls", INSTALLED_APPS=["rest_framework"], SECRET_KEY="x", ALLOWED_HOSTS=["*"],
                   REST_FRAMEWORK={"UNAUTHENTICATED_USER": None}) if not settings.configured else None
django.setup()
import urls


def hold():
    from django.test import Client

    return Client(raise_request_exception=False)


def describe(held):
    paths = ["/api/things/", "/api/things/1/shout/", "/api/things/1/whisper/", "/api/items/"]
    return [(answer.status_code, answer.content[:60]) for answer in map(held.get, paths)]
""",
        "urls.py": """\
from django.urls import include, path
from rest_framework.routers import SimpleRouter

from views import Things

router = SimpleRouter()
router.register("things", Things, basename="thing")
urlpatterns = [path("api/", include(router.urls))]
""",
        "views.py": """\
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet


class Things(ViewSet):
    authentication_classes = []

    def list(self, request):
        return Response(["one"])

    @action(detail=True)
    def shout(self, request, pk=None):
        return Response(f"{pk}!")
""",
    },
    (
        (("views.py", '["one"]', '["two"]'), "live"),
        (
            (
                "views.py",
                "",
                "\n    @action(detail=True)\n    def whisper(self, request, pk):\n        return Response('psst')\n",
            ),
            "live",
        ),
        (("urls.py", 'register("things"', 'register("items"'), "live"),
        (("urls.py", 'register("items"', 'register("things"'), "live"),
        (("views.py", "    @action(detail=True)\n    def shout", "    def shout"), "live"),
    ),
)

FALCON = Case(
    "Falcon",
    ("falcon>=4",),
    {
        "app.py": """\
from falcon import testing

from web import app


def hold():
    return app


def describe(held):
    client = testing.TestClient(held)
    return [client.simulate_get(path).status_code for path in ("/things", "/items", "/quote")]
""",
        "web.py": """\
import falcon


class Things:
    def on_get(self, request, response):
        response.text = "things"


app = falcon.App()
app.add_route("/things", Things())
app.add_route("/quote", Things())
""",
    },
    (
        (("web.py", 'app.add_route("/quote", Things())\n', ""), "live"),
        (("web.py", '"/things"', '"/items"'), "live"),
        (("web.py", "", 'app.add_route("/quote", Things())\n'), "live"),
        (("web.py", 'app.add_route("/items", Things())\n', ""), "live"),
    ),
)

GONE = ("views.py", '@views.get("/one")\nasync def one(request):\n    return text("one")\n', "")
SANIC = Case(
    "Sanic",
    ("sanic>=24.12", "sanic-testing>=24.6"),
    {
        "app.py": """\
import asyncio

from sanic import Sanic, text
from sanic_testing.testing import SanicASGITestClient

from views import views

app = Sanic("program", configure_logging=False)
app.blueprint(views)


@app.get("/")
async def index(request):
    return text("index")


@app.exception(ValueError)
async def wrong(request, error):
    return text("wrong", 400)


def hold():
    return app


def describe(held):
    async def ask():
        client = SanicASGITestClient(held)
        answers = [(await client.get(path))[1] for path in ("/", "/v/one", "/v/two", "/v/wrong")]
        return [(each.status_code, each.text if each.status_code == 200 else "") for each in answers]

    return asyncio.run(ask())
""",
        "views.py": """\
from sanic import Blueprint, text

views = Blueprint("views", url_prefix="/v")


@views.get("/one")
async def one(request):
    return text("one")


@views.get("/wrong")
async def wrong(request):
    raise ValueError
""",
    },
    (
        (("app.py", '"index"', '"INDEX"'), "live"),
        (("views.py", 'text("one")', 'text("ONE")'), "live"),
        (("views.py", 'text("ONE")', 'text("one")'), "live"),
        (("app.py", '"wrong", 400', '"wrong", 422'), "live"),
        (("app.py", "@app.exception(ValueError)", "@app.exception(KeyError)"), "live"),
        (GONE, "restart: what Blueprint 'views' serves changed"),
        (("views.py", "", GONE[1]), "live"),
        (
            ("views.py", "", '\n\n@views.get("/two")\nasync def two(request):\n    return text("two")\n'),
            "restart: what Blueprint 'views' serves changed",
        ),
    ),
)

PLUM = Case(
    "plum",
    ("plum-dispatch>=2.5",),
    {
        "app.py": """\
from shapes import Circle, Square, area


def hold():
    return area, Circle(2), Square(3)


def describe(held):
    area, circle, square = held
    calls = [lambda: area(circle), lambda: area(square), lambda: area(5), lambda: area("x")]
    return [result(each) for each in (*calls, lambda: circle.scaled(2), lambda: circle.scaled("x"))]


def result(call):
    try:
        return call()
    except LookupError as error:
        return type(error).__name__
""",
        "shapes.py": """\
from plum import dispatch


class Circle:
    def __init__(self, radius):
        self.radius = radius

    @dispatch
    def scaled(self, n: int):
        return self.radius * n

    @dispatch
    def scaled(self, n: str):
        return n


class Square:
    def __init__(self, side):
        self.side = side


@dispatch
def area(circle: Circle):
    return 3 * circle.radius**2


@dispatch
def area(square: Square):
    return square.side**2


@dispatch
def area(n: int):
    return n
""",
    },
    (
        (("shapes.py", "3 * circle", "4 * circle"), "live"),
        (("shapes.py", "self.radius * n", "self.radius + n"), "live"),
        (("shapes.py", "def area(n: int)", "def area(n: str)"), "restart: an overload of area changed"),
        (("shapes.py", "def area(n: str)", "def area(n: int)"), "live"),
        (("shapes.py", "@dispatch\ndef area(n: int):\n    return n\n", ""), "restart: an overload of area changed"),
        (("shapes.py", "", "\n\n@dispatch\ndef area(n: int):\n    return n\n"), "live"),
        (("shapes.py", "scaled(self, n: str)", "scaled(self, n: float)"), "restart: an overload of scaled changed"),
        (("shapes.py", "scaled(self, n: float)", "scaled(self, n: str)"), "live"),
        (("shapes.py", "", "\n\n@dispatch\ndef area(n: str):\n    return n\n"), "restart: an overload of area changed"),
    ),
)

INJECTOR = Case(
    "injector",
    ("injector>=0.22",),
    {
        "app.py": """\
from injector import Injector

from bindings import Bindings, more

injector = Injector([Bindings(), more])


def hold():
    return injector


def describe(held):
    return [held.get(kind) for kind in (int, str, list)]
""",
        "bindings.py": """\
from injector import Module, provider


class Bindings(Module):
    def configure(self, binder):
        binder.bind(int, to=5)

    @provider
    def text(self) -> str:
        return "a"


def more(binder):
    binder.bind(list, to=[1])
""",
    },
    (
        (("bindings.py", '"a"', '"b"'), "live"),
        (("bindings.py", "to=5", "to=6"), "noted: Bindings.configure is read when an injector is made"),
        (("bindings.py", "[1]", "[2]"), "noted: more is read when an injector is made"),
        (("bindings.py", "    @provider\n", ""), "noted: Bindings is read when an injector is made"),
        (("bindings.py", "def more", "boom = 1 / 0\n\n\ndef more"), "failed: ZeroDivisionError"),
    ),
)

CASES = (TELEGRAM, AIOGRAM, DRAMATIQ, RESTFUL, REST_FRAMEWORK, FALCON, SANIC, PLUM, INJECTOR)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_registrations_follow(case: Case) -> None:
    check_case(case)
