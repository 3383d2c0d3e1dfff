"""Libraries whose objects the program holds: marshmallow, cattrs, msgspec, blinker, pluggy, Textual, discord.py."""

from __future__ import annotations

import pytest

from tests.reload.adapters.inside import Case, check_case

pytestmark = pytest.mark.timeout(300)


MARSHMALLOW = Case(
    "marshmallow",
    ("marshmallow>=3.20",),
    {
        "app.py": """\
from schemas import Team, User, user


def hold():
    return user, Team(), User(many=True)


def describe(held):
    one, team, many = held
    ann = {"name": "ann", "age": 7}
    return one.dump(ann), team.dump({"lead": ann}), many.dump([ann]), sorted(one.validate({}))
""",
        "schemas.py": """\
from marshmallow import Schema, fields


class User(Schema):
    name = fields.Str()


class Team(Schema):
    lead = fields.Nested(User)


user = User()
""",
    },
    (
        (("schemas.py", "name = fields.Str()", "name = fields.Str()\n    age = fields.Int()"), "live"),
        (("schemas.py", "age = fields.Int()", "age = fields.Str(required=True)"), "live"),
        (("schemas.py", "user = User()", 'user = User(exclude=["name"])'), "live"),
        (("schemas.py", "    age = fields.Str(required=True)\n", ""), "live"),
        (("schemas.py", "name = fields.Str()", "name = 1 / 0"), "failed: ZeroDivisionError"),
    ),
)

CATTRS = Case(
    "cattrs",
    ("cattrs>=24", "attrs"),
    {
        "app.py": """\
from shapes import Point, converter


def hold():
    return converter


def describe(held):
    return held.unstructure(Point(1)), held.structure({"x": 1}, Point)
""",
        "shapes.py": """\
from attrs import define
from cattrs import Converter


@define(slots=False)
class Point:
    x: int
    y: int = 0


converter = Converter()


@converter.register_unstructure_hook
def whole(value: int) -> str:
    return f"i{value}"
""",
    },
    (
        (("shapes.py", 'f"i{value}"', 'f"n{value}"'), "live"),
        (("shapes.py", "y: int = 0", "y: int = 0\n    z: int = 5"), "live"),
        (("shapes.py", "Converter()", "Converter(omit_if_default=True)"), "live"),
        (
            ("shapes.py", "@converter.register_unstructure_hook\n", ""),
            "noted: a cattrs converter keeps the removed hook",
        ),
    ),
)

MSGSPEC = Case(
    "msgspec",
    ("msgspec>=0.18",),
    {
        "app.py": """\
import msgspec

from shapes import Point, decoder


def hold():
    return decoder


def describe(held):
    return held.decode(b'{"x": 1}'), Point(1).label(), msgspec.structs.fields(Point)
""",
        "shapes.py": """\
import msgspec


class Point(msgspec.Struct):
    x: int
    y: int = 0

    def label(self):
        return "point"


decoder = msgspec.json.Decoder(Point)
""",
    },
    (
        (("shapes.py", '"point"', '"a point"'), "live"),
        (("shapes.py", "    def label", "    def more(self):\n        return 1\n\n    def label"), "live"),
        (("shapes.py", "y: int = 0", "y: int = 7"), "restart: the field Point.y changed"),
    ),
)

BLINKER = Case(
    "blinker",
    ("blinker>=1.7",),
    {
        "app.py": """\
import receivers
from signals import changed


def hold():
    return changed


def describe(held):
    return sorted(str(answer) for _, answer in held.send("me")), len(held.receivers)
""",
        "signals.py": "from blinker import Signal\n\nchanged = Signal()\n",
        "receivers.py": """\
from signals import changed


@changed.connect
def one(sender):
    return "one"


@changed.connect_via("me")
def two(sender):
    return "two"


class Listener:
    def receive(self, sender):
        return "received"


listener = Listener()
changed.connect(listener.receive)
""",
    },
    (
        (("receivers.py", '"one"', '"first"'), "live"),
        (("receivers.py", "def two(sender)", "def two(sender, more=1)"), "live"),
        (("receivers.py", 'connect_via("me")', 'connect_via("you")'), "live"),
        (("receivers.py", "@changed.connect\n", ""), "live"),
        (("receivers.py", "changed.connect(listener.receive)", "listener.receive"), "live"),
        (("receivers.py", 'connect_via("you")\n', "connect_via(1 / 0)\n"), "failed"),
    ),
)

PLUGGY = Case(
    "pluggy",
    ("pluggy>=1.5",),
    {
        "app.py": """\
import pluggy

import plugin
from spec import Spec

manager = pluggy.PluginManager("program")
manager.add_hookspecs(Spec)
manager.register(plugin)


def hold():
    if not manager.has_plugin("counter"):
        manager.register(plugin.Counter(), "counter")
    manager.hook.set_up(into=[])
    return manager


def describe(held):
    found = [name for name in sorted(vars(held.hook)) if name[0] not in "_s"]
    return [(name, getattr(held.hook, name)(number=2)) for name in found], len(held.get_plugins())
""",
        "spec.py": """\
import pluggy

specifies = pluggy.HookspecMarker("program")


class Spec:
    @specifies
    def count(self, number): ...
""",
        "plugin.py": """\
import pluggy

implements = pluggy.HookimplMarker("program")


@implements
def count(number):
    return number


@implements
def set_up(into):
    into.append("set up")


class Counter:
    @implements
    def count(self, number):
        return -number
""",
    },
    (
        (("plugin.py", "return number", "return number + 1"), "live"),
        (("plugin.py", '"set up"', '"made"'), "noted: set_up is a hook that returns nothing"),
        (("plugin.py", "@implements\ndef count", "@implements(tryfirst=True)\ndef count"), "live"),
        (("plugin.py", "", "\n    @implements\n    def total(self, number):\n        return 9\n"), "live"),
        (("spec.py", "", "\n    @specifies\n    def total(self, number): ...\n"), "live"),
        (("spec.py", "    @specifies\n    def total", "    @specifies(firstresult=True)\n    def total"), "live"),
        (("spec.py", "", "\n    @specifies(firstresult=True)\n    def none(self, number): ...\n"), "live"),
        (("spec.py", "\n    @specifies(firstresult=True)\n    def none(self, number): ...\n", ""), "live"),
        (("spec.py", "count(self, number)", "count(self)"), "failed: PluginValidationError"),
        (("spec.py", "count(self)", "count(self, number)"), "live"),
        (("plugin.py", "    @implements\n    def count", "    def count"), "live"),
        (("plugin.py", "@implements(tryfirst=True)\ndef count(number):\n    return number + 1\n", ""), "live"),
        (
            (
                "plugin.py",
                "@implements\ndef set_up",
                "@implements(tryfirst=True)\ndef count(number):\n    return 1\n\n\n@implements\ndef set_up",
            ),
            "live",
        ),
        (("plugin.py", "@implements(tryfirst=True)\ndef count", "@implements(1 / 0)\ndef count"), "failed"),
    ),
)

TEXTUAL = Case(
    "Textual",
    ("textual>=1",),
    {
        "app.py": """\
import asyncio

from textual.app import App
from textual.widgets import Static


class Main(App):
    CSS = "Static { width: 10; }"
    CSS_PATH = "style.tcss"
    TITLE = "one"

    def compose(self):
        yield Static("hello", id="first")

    def label(self):
        return "label"


def hold():
    loop, app = asyncio.new_event_loop(), Main()
    test = app.run_test()
    loop.run_until_complete(test.__aenter__())
    return loop, app, test


def describe(held):
    _, app, _ = held
    styles = app.query_one("#first").styles
    return app.label(), app.title, len(app.query("Static")), str(styles.width), str(styles.height)
""",
        "style.tcss": "Static { height: 2; }\n",
    },
    (
        (("app.py", '"label"', '"the label"'), "live"),
        (("app.py", "width: 10", "width: 12"), "live"),
        (("app.py", "width: 12", "width: {{ 12"), "failed: TokenError"),
        (("app.py", "width: {{ 12", "width: 13"), "live"),
        (("style.tcss", "height: 2", "height: 3"), "live"),
        (("app.py", 'TITLE = "one"', 'TITLE = "two"'), "noted: Main."),
        (("app.py", '"hello"', '"bye"'), "noted: Main.compose runs only when a Main is mounted"),
    ),
)

DISCORD = Case(
    "discord.py",
    ("discord.py>=2.3", "audioop-lts; python_version >= '3.13'"),
    {
        "app.py": """\
import asyncio

import discord
from discord.ext import commands


class Bot(commands.Bot):
    async def setup_hook(self):
        await self.load_extension("greetings")


def hold():
    bot = Bot(command_prefix="!", intents=discord.Intents.none())
    asyncio.run(bot.setup_hook())
    return bot


def describe(held):
    found = [(name, each) for name, each in held.all_commands.items() if name != "help"]
    return sorted((name, asyncio.run(each.callback(each.cog, None))) for name, each in found)
""",
        "greetings.py": """\
from discord.ext import commands


class Greetings(commands.Cog):
    @commands.command()
    async def hello(self, ctx):
        return "hello"


async def setup(bot):
    await bot.add_cog(Greetings())
""",
    },
    (
        (("greetings.py", '"hello"', '"hi"'), "live"),
        (
            ("greetings.py", "@commands.command()", '@commands.command(name="hey")'),
            "noted: the bot keeps the old commands",
        ),
    ),
)


FLASK = Case(
    "Flask's configuration",
    ("flask>=3", "flask-sqlalchemy>=3"),
    {
        "app.py": """\
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

import config

database = SQLAlchemy()
app = Flask(__name__)
app.config.from_object(config.Config)
app.config["KEPT"] = 1
other = Flask("other")
other.config.from_object("config.Other")
third = Flask("third")
third.config.from_object(config)
database.init_app(app)


def hold():
    return app.config, other.config, third.config


def describe(held):
    names = ("NAME", "LIMIT", "KEPT", "NEW")
    return [{name: value for name, value in each.items() if name in names} for each in held]
""",
        "config.py": """\
LIMIT = 9


class Base:
    LIMIT = 1


class Config(Base):
    NAME = "one"
    KEPT = 0
    SQLALCHEMY_DATABASE_URI = "sqlite:///a.db"


class Other:
    NAME = "other"
""",
    },
    (
        (("config.py", '"one"', '"two"'), "live"),
        (("config.py", "    LIMIT = 1", "    LIMIT = 2"), "live"),
        (("config.py", "LIMIT = 9", "LIMIT = 8"), "live"),
        (("config.py", '"other"', '"others"\n    NEW = 1'), "live"),
        (("config.py", "\n    NEW = 1", ""), "live"),
        (("config.py", "KEPT = 0", "KEPT = 5"), "live"),
        (("config.py", "a.db", "b.db"), "noted: the setting SQLALCHEMY_DATABASE_URI changed"),
        (("app.py", '["KEPT"] = 1', '["KEPT"] = 1 / 0'), "failed"),
    ),
)


DJANGO = Case(
    "Django REST framework",
    ("django>=5", "djangorestframework>=3.15"),
    {
        "app.py": """\
import io
import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "conf"
django.setup()

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from rest_framework.response import Response
from rest_framework.views import APIView

import middleware


class Words(APIView):
    def get(self, request):
        return Response({"word": settings.WORD})


def hold():
    return WSGIHandler()


def describe(held):
    asked = {"REQUEST_METHOD": "GET", "PATH_INFO": "/words/", "SERVER_NAME": "here", "SERVER_PORT": "1"}
    asked |= {"wsgi.input": io.BytesIO(), "wsgi.url_scheme": "http", "wsgi.errors": io.StringIO()}
    found = []
    body = b"".join(held(asked, lambda status, headers, error=None: found.extend([status, dict(headers)["X-Mark"]])))
    return found, body
""",
        "conf.py": """\
SECRET_KEY = "secret"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"]
ROOT_URLCONF = "urls"
MIDDLEWARE = ["middleware.Mark"]
REST_FRAMEWORK = {"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"], "UNAUTHENTICATED_USER": None}
WORD = "word"
""",
        "urls.py": "import app\nfrom django.urls import path\n\nurlpatterns = [path('words/', app.Words.as_view())]\n",
        "middleware.py": """\
from django.conf import settings

LIMIT = 3


class Mark:
    def __init__(self, get_response):
        self.get_response = get_response
        self.mark = f"{LIMIT} {settings.WORD}"

    def __call__(self, request):
        response = self.get_response(request)
        response["X-Mark"] = self.mark
        return response
""",
    },
    (
        (("conf.py", 'WORD = "word"', 'WORD = "words"'), "live"),
        (("middleware.py", "LIMIT = 3", "LIMIT = 4"), "live"),
        (
            ("conf.py", "renderers.JSONRenderer", "renderers.BrowsableAPIRenderer"),
            "restart: the setting REST_FRAMEWORK",
        ),
    ),
)


APSCHEDULER = Case(
    "APScheduler",
    ("apscheduler>=3,<4",),
    {
        "app.py": """\
from apscheduler.schedulers.background import BackgroundScheduler

scheduler = BackgroundScheduler()


def tick():
    return 1


scheduler.add_job(tick, "interval", hours=1, id="tick")


@scheduler.scheduled_job("interval", hours=1, id="tock")
def tock():
    return 2


def hold():
    if not scheduler.running:
        scheduler.start(paused=True)
    return scheduler


def describe(held):
    return sorted((each.id, str(each.trigger), each.func()) for each in held.get_jobs())
""",
    },
    (
        (("app.py", "return 1", "return 3"), "live"),
        (("app.py", 'hours=1, id="tick"', 'hours=2, id="tick"'), "live"),
        (("app.py", 'hours=1, id="tock"', 'minutes=3, id="tock"'), "live"),
        (("app.py", "return 2", "return 4"), "live"),
        (("app.py", 'hours=2, id="tick"', "hours=1 / 0"), "failed: ZeroDivisionError"),
        (("app.py", 'scheduler.add_job(tick, "interval", hours=1 / 0)\n', ""), "live"),
    ),
)

STRAWBERRY = Case(
    "strawberry",
    ("strawberry-graphql>=0.200",),
    {
        "app.py": """\
import enum

import strawberry


@strawberry.enum
class Size(enum.Enum):
    SMALL = "s"


@strawberry.type
class Box:
    size: Size = Size.SMALL


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "one"

    @strawberry.field
    def box(self) -> Box:
        return Box()


schema = strawberry.Schema(Query)


def hold():
    return schema


def describe(held):
    return held.execute_sync("{ hello }").data, str(held)
""",
    },
    (
        (("app.py", '"one"', '"two"'), "live"),
        (("app.py", "class Query:\n", "class Query:\n    number: int = 5\n\n"), "live"),
        (("app.py", "    number: int = 5\n\n", ""), "live"),
        (("app.py", "@strawberry.type\nclass Box", "@strawberry.type(description='a box')\nclass Box"), "live"),
        (("app.py", 'SMALL = "s"', 'SMALL = "s"\n    LARGE = "l"'), "live"),
        (("app.py", "strawberry.Schema(Query)", "strawberry.Schema(Query, types=[Box])"), "live"),
        (("app.py", "Schema(Query, types=[Box])", "Schema(Query, 1 / 0)"), "failed: ZeroDivisionError"),
        (("app.py", 'LARGE = "l"', 'HUGE = "h"'), "failed: ZeroDivisionError"),
        (("app.py", "Schema(Query, 1 / 0)", "Schema(Query)"), "live"),
    ),
)

GRAPHENE = Case(
    "graphene",
    ("graphene>=3",),
    {
        "app.py": """\
import graphene


class Box(graphene.ObjectType):
    size = graphene.Int()


class Add(graphene.Mutation):
    class Arguments:
        n = graphene.Int()

    total = graphene.Int()

    def mutate(root, info, n):
        return Add(total=n + 1)


class Mutations(graphene.ObjectType):
    add = Add.Field()


class Query(graphene.ObjectType):
    box = graphene.Field(Box)
    hello = graphene.String()

    def resolve_hello(root, info):
        return "one"


schema = graphene.Schema(query=Query, mutation=Mutations)


def hold():
    return schema


def describe(held):
    return held.execute("{ hello }").data, held.execute("mutation { add(n: 1) { total } }").data, str(held)
""",
    },
    (
        (("app.py", '"one"', '"two"'), "live"),
        (("app.py", "    hello =", "    more = graphene.Int()\n    hello ="), "live"),
        (("app.py", "    more = graphene.Int()\n", ""), "live"),
        (("app.py", "    size =", "    'A box.'\n\n    size ="), "live"),
        (("app.py", "n + 1", "n + 2"), "live"),
        (("app.py", "n = graphene.Int()", "n = graphene.Float()"), "live"),
        (("app.py", "def mutate(root, info, n)", "def mutate(root, info, n=5)"), "live"),
        (("app.py", "    total = ", "    twice = graphene.Int()\n    total = "), "live"),
    ),
)

IMPORTS = Case(
    "imports of tasks and models",
    ("celery>=5", "sqlalchemy>=2"),
    {
        "app.py": """\
import jobs
from jobs import Item, add


def hold():
    jobs.app.finalize()
    return jobs


def describe(held):
    return sorted(name for name in held.app.tasks if "." not in name), held.Item.__table__.name
""",
        "jobs.py": """\
from celery import Celery
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

app = Celery("jobs")


@app.task(name="add")
def add(a, b):
    return a + b


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "item"
    number: Mapped[int] = mapped_column(primary_key=True)
""",
    },
    (
        (("app.py", "from jobs import Item, add\n", "from jobs import Item\n"), "live"),
        (("app.py", "from jobs import Item\n", ""), "live"),
    ),
)
STRUCTLOG = Case(
    "structlog",
    ("structlog>=24",),
    {
        "app.py": """\
import structlog

import logs

running = structlog.get_config() if structlog.is_configured() else None
logs.configure()
log = structlog.get_logger()


def hold():
    return log, log.bind(n=1)


def describe(held):
    logs.OUT.clear()
    for each in (*held, structlog.get_logger()):
        each.info("said")
        each.debug("hidden")
    if running:  # this is a fresh start, in the process of the other
        structlog.configure(**running)
    return logs.OUT[:]
""",
        "logs.py": """\
import structlog

OUT = []


class Out:
    def msg(self, text):
        OUT.append(text)

    info = debug = msg


def make(*args):
    return Out()


def mark(logger, name, event):
    return event | {"mark": "a"}


def render(logger, name, event):
    return repr(sorted(event.items()))


def configure():
    structlog.configure(
        processors=[mark, render],
        logger_factory=make,
        wrapper_class=structlog.make_filtering_bound_logger(20),
        cache_logger_on_first_use=True,
    )
""",
    },
    (
        (("logs.py", '"mark": "a"', '"mark": "b"'), "live"),
        (("logs.py", "[mark, render]", "[render]"), "live"),
        (("logs.py", "[render]", "[structlog.processors.add_log_level, render]"), "live"),
        (
            ("logs.py", "[structlog.processors.add_log_level, render]", "[mark, 1 / 0, render]"),
            "failed: ZeroDivisionError",
        ),
        (("logs.py", "[mark, 1 / 0, render]", "[structlog.processors.add_log_level, mark, render]"), "live"),
        (
            ("logs.py", "bound_logger(20)", "bound_logger(10)"),
            "noted: wrapper_class of structlog's configuration changed",
        ),
        (("logs.py", "logger_factory=make", "logger_factory=Out"), "noted: logger_factory of structlog's"),
    ),
)
CASES = (
    MARSHMALLOW,
    CATTRS,
    MSGSPEC,
    BLINKER,
    PLUGGY,
    TEXTUAL,
    DISCORD,
    FLASK,
    DJANGO,
    IMPORTS,
    APSCHEDULER,
    STRAWBERRY,
    GRAPHENE,
    STRUCTLOG,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_held_objects_follow_or_are_noted(case: Case) -> None:
    check_case(case)
