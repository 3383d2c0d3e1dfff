"""Pydantic: after any edit models validate and serialize as after a fresh start."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from tests.reload.adapters.live import Edit, Live, check

pytest.importorskip("pydantic")

BASE = """\
from dataclasses import dataclass
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, computed_field, field_serializer, field_validator, model_validator
from typing_extensions import TypedDict

T = TypeVar("T")


class Kind(Enum):
    A = "a"
    B = "b"


@dataclass
class Point:
    x: int
    y: int = 0


class Options(TypedDict):
    loud: bool


class Pair(NamedTuple):
    one: int
    other: int


class Named(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: str = Field("x", max_length=8)

    @field_validator("name")
    @classmethod
    def strip(cls, value: str) -> str:
        return value.strip()

    @model_validator(mode="after")
    def whole(self) -> "Named":
        return self

    @computed_field
    @property
    def size(self) -> int:
        return len(self.name)

    @field_serializer("name")
    def written(self, value: str) -> str:
        return value + "."


class Box(BaseModel, Generic[T]):
    content: T
"""
APP = """\
from base import Box, Kind, Named, Options, Pair, Point
from pydantic import BaseModel, TypeAdapter, validate_call


class Node(Named):
    kind: Kind = Kind.A
    at: Point | None = None
    options: Options | None = None
    pair: Pair | None = None
    below: list["Node"] = []


class Tree(BaseModel):
    root: Node
    boxed: Box[Named] | None = None


NODES = TypeAdapter(dict[str, list[Node]])


class app:
    pass
"""
FILES = {"base.py": BASE, "app.py": APP}
VALUES: list[Any] = [
    {"name": " a ", "kind": "b"},
    {"name": "abcdefghijk"},
    {"name": "b", "kind": "c"},
    {"at": {"x": 1, "z": 3}, "options": {"loud": True, "low": 1}, "pair": (1, 2)},
    {"at": {"x": 1, "y": "?"}, "options": {}, "pair": (1, 2, 3)},
    {"below": [{"name": "c ", "age": "4", "below": [{"name": "d"}]}]},
    {"age": "?", "more": 1},
]


def outcome(function: Any, *args: Any) -> Any:
    try:
        made = function(*args)
    except ValueError as error:
        return [(each["type"], each["loc"]) for each in error.errors()]  # type: ignore[attr-defined]
    return repr(made)


def describe(module: ModuleType) -> Any:
    """Return what models make of values, with the classes."""
    node, tree = module.Node, module.Tree
    made = [outcome(node.model_validate, value) for value in VALUES]
    made += [outcome(tree.model_validate, {"root": value, "boxed": {"content": value}}) for value in VALUES]
    made += [outcome(module.NODES.validate_python, {"a": [value]}) for value in VALUES]
    one = tree.model_validate({"root": {"below": [{}]}, "boxed": {"content": {}}})
    classes = [type(one.root) is node, type(one.root.below[0]) is node, isinstance(one.root, module.Named)]
    return made, one.model_dump_json(), classes, tree.model_json_schema(), module.NODES.json_schema()


EDITS: dict[str, list[Edit]] = {
    "a validator's body": [("base.py", "value.strip()", "value.strip().upper()")],
    "a validator's mode": [("base.py", '@field_validator("name")', '@field_validator("name", mode="before")')],
    "a validator gone": [
        (
            "base.py",
            '    @field_validator("name")\n    @classmethod\n'
            "    def strip(cls, value: str) -> str:\n        return value.strip()\n",
            "",
        )
    ],
    "a model's validator": [
        ("base.py", "        return self\n", "        assert self.name != 'b'\n        return self\n")
    ],
    "a computed field": [("base.py", "return len(self.name)", "return -len(self.name)")],
    "a computed field's name": [("base.py", "def size", "def length")],
    "a serializer": [("base.py", 'value + "."', 'value + "!"')],
    "a default": [("base.py", 'Field("x"', 'Field("y"')],
    "a constraint": [("base.py", "max_length=8", "max_length=20, min_length=2")],
    "a field": [
        (
            "base.py",
            '    name: str = Field("x", max_length=8)',
            '    name: str = Field("x", max_length=8)\n    age: int = 3',
        )
    ],
    "a field's type": [("app.py", "kind: Kind = Kind.A", "kind: str = 'a'")],
    "a field gone": [("app.py", "    at: Point | None = None\n", "")],
    "its configuration": [("base.py", 'extra="ignore"', 'extra="forbid"')],
    "an enum": [("base.py", '    B = "b"', '    B = "b"\n    C = "c"')],
    "a dataclass": [("base.py", "    y: int = 0", "    y: int = 1\n    z: int = 2")],
    "a typed dictionary": [("base.py", "    loud: bool", "    loud: bool\n    low: int")],
    "a named tuple": [("base.py", "    other: int", "    other: int\n    third: int = 0")],
    "a model inside itself": [
        ("app.py", 'below: list["Node"] = []', 'below: list["Node"] = []\n    above: "Node | None" = None')
    ],
    "a generic model": [("base.py", "    content: T", "    content: T\n    weight: int = 0")],
    "two files": [
        ("base.py", "value.strip()", "value.strip().upper()"),
        ("base.py", "max_length=8", "max_length=5"),
        ("app.py", "    root: Node", "    root: Node\n    leaf: Node | None = None"),
    ],
}


@pytest.mark.parametrize("edits", [pytest.param(edits, id=name) for name, edits in EDITS.items()])
def test_after_an_edit(live: Live, edits: list[Edit]) -> None:
    check(live, FILES, edits, describe)


def test_existing_instances_stay(live: Live) -> None:
    module = live.load(FILES)
    node, named = module.Node, module.Named
    held = node(name="held", below=[node(name="below")])
    live.edit(("base.py", "max_length=8", "max_length=20"), ("app.py", "kind: Kind = Kind.A", "kind: Kind = Kind.B"))
    assert module.Node is node and module.Named is named
    assert type(held) is node and held.name == "held" and held.below[0].name == "below"
    assert held.model_dump()["below"][0]["name"] == "below."
    assert node.model_validate(held) is held
    assert module.Tree(root=held).root is held


SETTINGS = """\
from pydantic import BaseModel
from pydantic_settings import BaseSettings


class Database(BaseModel):
    name: str = "one"

    @property
    def url(self):
        return "sqlite:" + self.name


class Other(BaseModel):
    name: str = "one"


class Settings(BaseSettings):
    main: Database = Database()
    more: list[Database] | None = [Database(name="b")]


settings = Settings()
other = Other()
"""


def test_models_within_settings_are_made_anew(live: Live) -> None:
    pytest.importorskip("pydantic_settings")
    user = "import conf\nfrom conf import settings\n\n\ndef names():\n    return settings.model_dump()\n"
    module = live.load({"conf.py": SETTINGS, "app.py": user})
    other = module.conf.other
    assert module.names() == {"main": {"name": "one"}, "more": [{"name": "b"}]}
    for old, new in (
        ('Database(BaseModel):\n    name: str = "one"', 'Database(BaseModel):\n    name: str = "two"'),
        ('    name: str = "two"\n', '    name: str = "two"\n    size: int = 5\n'),
        ('"sqlite:"', '"sqlite://"'),
        ("    size: int = 5\n", ""),
    ):
        assert live.edit(("conf.py", old, new)).status == "reloaded"
        with live.started_afresh("conf") as fresh:
            expected = fresh.settings.model_dump()
        assert module.names() == module.conf.Settings().model_dump() == expected
    assert module.settings.main.url == "sqlite://two"
    assert module.conf.other is other
