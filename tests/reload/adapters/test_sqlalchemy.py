# ruff: noqa: E501 - edits stand in one line each
"""Models of SQLAlchemy, SQLModel and Flask-SQLAlchemy, edited while they are served."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reload.adapters.libraries import libraries
from tests.reload.adapters.served import Edit, play, served

pytestmark = pytest.mark.timeout(300)

SERVE = """\
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

import views


def app(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    return [views.answer().encode()]


make_server("127.0.0.1", int(sys.argv[1]), app).serve_forever()
"""
MODELS = """\
from sqlalchemy import ForeignKey, String
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, validates


class Base(DeclarativeBase):
    pass


class Mixin:
    def kind(self):
        return type(self).__name__


class User(Mixin, Base):
    __tablename__ = "user"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(30))
    posts: Mapped[list["Post"]] = relationship(back_populates="user", order_by="Post.id")

    LIMIT = 2

    def title(self):
        return "user " + self.name

    @hybrid_property
    def short(self):
        return self.name + "."

    @validates("name")
    def check(self, key, value):
        return value.strip()


class Post(Base):
    __tablename__ = "post"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    user: Mapped[User] = relationship(back_populates="posts")
    text: Mapped[str]
"""
VIEWS = """\
from models import Base, Post, User
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session


def answer():
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(User(name=" ann ", posts=[Post(text="one"), Post(text="two")]))
        session.commit()
        user = session.scalars(select(User)).one()
        texts = [user.title(), user.kind(), user.LIMIT, [each.text for each in user.posts], repr(user.name)]
        texts += [session.scalars(select(User.short)).all(), user.short, sorted(Base.metadata.tables)]
        texts += [[each.key for each in User.__mapper__.attrs], [each.name for each in Post.__table__.columns]]
        texts += [str(User.__table__.c.name.type), session.scalar(select(func.count()).select_from(User))]
        texts += [[each.name for each in Post.__table__.foreign_keys and User.__table__.columns]]
    return repr(texts)
"""
TWICE = """\
    @property
    def twice(self):
        return self.name * 2

    def title(self):
"""
TAG = """

class Tag(Base):
    __tablename__ = "tag"

    id: Mapped[int] = mapped_column(primary_key=True)
"""
NOTE = "    note: Mapped[str | None]\n"
RANK = "    rank: Mapped[int] = mapped_column(default=1)\n"
TEXT = "    text: Mapped[str]\n"
EDITS = [
    Edit("models.py", '"user " + self.name', '"the user " + self.name'),
    Edit("models.py", "    def title(self):\n", TWICE),
    Edit("models.py", '"the user " + self.name', '"the user " + self.twice'),
    Edit("models.py", "LIMIT = 2", "LIMIT = 3"),
    Edit("models.py", "type(self).__name__", "type(self).__name__.lower()"),
    Edit("models.py", 'self.name + "."', 'self.name + "!"'),
    Edit("models.py", TEXT, TEXT + NOTE),
    Edit("models.py", NOTE, NOTE + RANK),
    Edit("models.py", TEXT, TEXT + "    mark: Mapped[int]\n", "restart", "Post.mark"),
    Edit("models.py", "String(30)", "String(40)", "restart", "User.name"),
    Edit("models.py", NOTE, "", "restart", "Post.note"),
    Edit("models.py", NOTE, "    note: Mapped[int | None]\n", "restart", "Post.note"),
    Edit("models.py", '__tablename__ = "user"', '__tablename__ = "users"', "restart", "__tablename__"),
    Edit("models.py", "return value.strip()", "return value.strip().upper()"),
    Edit("models.py", '@validates("name")', '@validates("name", include_backrefs=False)', "restart", "User.check"),
    Edit("models.py", ', order_by="Post.id"', ', order_by="Post.text"', "restart", "User.posts"),
    Edit("models.py", "class User(Mixin, Base)", "class User(Base, Mixin)", "restart", "User"),
    Edit("models.py", "", TAG),
    Edit("models.py", TAG, "", "restart", "Tag"),
    Edit("views.py", "return repr(texts)", 'return "texts " + repr(texts)'),
    Edit(
        "models.py", "def kind(self):", "made = mapped_column(String)\n\n    def kind(self):", "restart", "Mixin.made"
    ),
]


def test_models_equal_those_of_a_fresh_start(tmp_path: Path) -> None:
    for path, text in {"app.py": SERVE, "models.py": MODELS, "views.py": VIEWS}.items():
        (tmp_path / path).write_text(text)
    with served(tmp_path, "app.py", "{port}", libraries=libraries("sqlalchemy>=2")) as server:
        play(server, EDITS, ["/"])


FLASK = """\
import sys

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlmodel import Field, Session, SQLModel, create_engine, select

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
db = SQLAlchemy(app)


class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(20))

    def title(self):
        return "user " + self.name


class Hero(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str

    def title(self):
        return "hero " + self.name


@app.get("/user")
def user():
    db.create_all()
    names = [each.name for each in User.__table__.columns]
    found = db.session.execute(db.select(User)).scalars().all()
    return repr([User(name="ann").title(), names, found])


@app.get("/hero")
def hero():
    engine = create_engine("sqlite://")
    SQLModel.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Hero(name="bob"))
        session.commit()
        return repr([session.exec(select(Hero)).one().title(), list(Hero.model_fields), sorted(SQLModel.metadata.tables)])


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]))
"""
FLASK_EDITS = [
    Edit("app.py", '"user " + self.name', '"the user " + self.name'),
    Edit(
        "app.py",
        "    name = db.Column(db.String(20))\n",
        "    name = db.Column(db.String(20))\n    age = db.Column(db.Integer)\n",
    ),
    Edit("app.py", "db.String(20)", "db.String(30)", "restart", "User.name"),
    Edit(
        "app.py",
        '    def title(self):\n        return "the',
        '    @property\n    def loud(self):\n        return self.name.upper()\n\n    def title(self):\n        return "the',
    ),
    Edit("app.py", '"the user " + self.name', '"the user " + self.loud'),
    Edit("app.py", '"hero " + self.name', '"the hero " + self.name'),
    Edit("app.py", "    name: str\n", "    name: str\n    age: int = 3\n", "restart", "Hero.age"),
    Edit(
        "app.py",
        "class User(db.Model):\n",
        'class User(db.Model):\n    __tablename__ = "users"\n\n',
        "restart",
        "User.__tablename__",
    ),
    Edit("app.py", "class User(db.Model):\n", "class User(db.Model):\n    LIMIT = 3\n\n"),
]


def test_models_of_flask_sqlalchemy_and_sqlmodel(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(FLASK)
    found = libraries("flask-sqlalchemy>=3", "sqlmodel")
    with served(tmp_path, "app.py", "{port}", libraries=found) as server:
        play(server, FLASK_EDITS, ["/user", "/hero"])
