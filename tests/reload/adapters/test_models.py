"""Models of libraries that connect them when they are made, and statements that add rows."""

from __future__ import annotations

import sys

import pytest

from tests.reload.adapters.inside import Case, check_case

pytestmark = pytest.mark.timeout(300)

PEEWEE = Case(
    "peewee",
    ("peewee>=3.17",),
    {
        "app.py": """\
from models import Post, User, db

db.create_tables([User, Post])
ann = User.create(name="ann")
Post.create(user=ann)


def hold():
    return User, Post


def describe(held):
    user, post = held
    return [each.user.label() for each in post.select()], len(user.get().posts), sorted(user._meta.fields)
""",
        "models.py": """\
from peewee import CharField, ForeignKeyField, Model, SqliteDatabase

db = SqliteDatabase(":memory:")


class User(Model):
    name = CharField()

    class Meta:
        database = db

    def label(self):
        return "user " + self.name


class Post(Model):
    user = ForeignKeyField(User, backref="posts")

    class Meta:
        database = db
""",
    },
    (
        (("models.py", '"user "', '"author "'), "live"),
        (("models.py", "    def label", "    def short(self):\n        return self.name[:1]\n\n    def label"), "live"),
        (("models.py", "CharField()", "CharField(null=True)"), "restart: User.name changed"),
        (("models.py", "CharField(null=True)", "CharField()"), "live"),
        (("models.py", 'backref="posts"', 'backref="posts", null=True'), "restart: Post.user changed"),
    ),
)

TORTOISE = Case(
    "Tortoise",
    ("tortoise-orm>=0.24",),
    {
        "app.py": """\
import asyncio

from models import Author


def hold():
    return Author


def describe(held):
    return held(name="ann").label(), sorted(held._meta.fields_map)
""",
        "models.py": """\
from tortoise import fields
from tortoise.models import Model


class Author(Model):
    name = fields.CharField(max_length=20)

    def label(self):
        return "author " + self.name
""",
    },
    (
        (("models.py", '"author "', '"by "'), "live"),
        (
            ("models.py", "    def label", "    @property\n    def short(self):\n        return 1\n\n    def label"),
            "live",
        ),
        (("models.py", "max_length=20", "max_length=40"), "restart: Author.name changed"),
    ),
)

ROWS = Case(
    "rows that a statement adds",
    ("sqlalchemy>=2",),
    {
        "app.py": """\
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from models import Base, Item, discount

engine = create_engine("sqlite://")
Base.metadata.create_all(engine)


def fill():
    with Session(engine) as session:
        session.add(Item(name="tea"))
        session.commit()


fill()
with Session(engine) as session:
    session.add(Item(name="cup"))
    session.commit()


def hold():
    return engine


def describe(held):
    with Session(held) as session:
        return [each.label() for each in session.scalars(select(Item).order_by(Item.id))]
""",
        "models.py": """\
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

discount = 0


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]

    def label(self):
        return self.name
""",
    },
    (
        (("models.py", "return self.name", "return self.name.upper()"), "live"),
        (("models.py", "    def label", "    def short(self):\n        return self.name[:1]\n\n    def label"), "live"),
    ),
)

FIELDS = Case(
    "fields of msgspec",
    ("msgspec>=0.18",),
    {
        "app.py": """\
import msgspec

from shapes import Point


def hold():
    return msgspec.json.Encoder()


def describe(held):
    return held.encode(Point(1))
""",
        "shapes.py": "import msgspec\n\n\nclass Point(msgspec.Struct):\n    x: int\n    y: int = 0\n",
    },
    (
        (("shapes.py", "    y: int = 0\n", "    y: int = 0\n    z: int = 5\n"), "restart: the field Point.z changed"),
        (("shapes.py", "    z: int = 5\n", ""), "live"),
        (("shapes.py", "(msgspec.Struct)", "(msgspec.Struct, rename='upper')"), "restart: fields of Point changed"),
    ),
)

PROVIDERS = Case(
    "dependency-injector",
    ("dependency-injector>=4.45",),
    {
        "app.py": """\
from containers import Container

container = Container()
container.wire(modules=["views"])
import views


def hold():
    return views


def describe(held):
    return held.index()
""",
        "containers.py": """\
from dependency_injector import containers, providers


class Container(containers.DeclarativeContainer):
    greeting = providers.Object("hi")
""",
        "views.py": """\
from dependency_injector.wiring import Provide, inject

from containers import Container


@inject
def index(greeting=Provide[Container.greeting]):
    return greeting
""",
    },
    (
        (("views.py", "return greeting", "return greeting + '!'"), "live"),
        (
            (
                "views.py",
                "def index(greeting=Provide[Container.greeting]",
                "def index(greeting=Provide[Container.greeting], n=1",
            ),
            "live",
        ),
        (("containers.py", '"hi"', '"hello"'), "restart: the provider Container.greeting changed"),
    ),
)

PONY = Case(
    "Pony",
    ("pony>=0.7.19",),
    {
        "app.py": """\
from pony.orm import db_session, select

from models import Car, Person, db

db.bind(provider="sqlite", filename=":memory:")
db.generate_mapping(create_tables=True)
with db_session:
    Car(make="one", owner=Person(name="ann"))


def hold():
    return Person, Car


def describe(held):
    person, car = held
    with db_session:
        return [(each.label(), each.kind) for each in select(p for p in person)], sorted(db.entities), len(car.select())
""",
        "models.py": """\
from pony.orm import Database, Optional, Required, Set

db = Database()


class Person(db.Entity):
    kind = "a"
    name = Required(str)
    cars = Set("Car")

    def label(self):
        return "person " + self.name


class Car(db.Entity):
    make = Required(str)
    owner = Required(Person)
""",
    },
    (
        (("models.py", '"person "', '"human "'), "live"),
        (("models.py", 'kind = "a"', 'kind = "b"'), "live"),
        (("models.py", "    def label", "    def short(self):\n        return self.name[:1]\n\n    def label"), "live"),
        (("models.py", "name = Required(str)", "name = Required(str, 40)"), "restart: Person.name changed"),
        (("models.py", "name = Required(str, 40)", "name = Required(str)"), "live"),
        (
            ("models.py", '    cars = Set("Car")', '    mail = Optional(str)\n    cars = Set("Car")'),
            "restart: Person.mail",
        ),
        (("models.py", "    mail = Optional(str)\n", ""), "live"),
        (("models.py", "", "\n\nclass Log(db.Entity):\n    text = Required(str)\n"), "restart: line 23 comes too late"),
    ),
)

NEEDS_OLDER_PYTHON = pytest.mark.skipif(sys.version_info >= (3, 15), reason="Pony does not run on Python 3.15 yet")
CASES = (PEEWEE, TORTOISE, pytest.param(PONY, marks=NEEDS_OLDER_PYTHON), ROWS, FIELDS, PROVIDERS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_models_follow_or_need_a_restart(case: Case) -> None:
    check_case(case)
