"""How a random statement of each kind is written, from what is there before it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

__all__ = ["FIRST", "KINDS", "WRITERS", "Kind", "Scope", "call", "value"]

Kind = str
KINDS: tuple[Kind, ...] = (
    *("number", "number", "series", "function", "function", "function", "factory", "class", "class"),
    *("dataclass", "enum", "result", "object"),
)
"""What is written at random, the commoner ones more often."""

FIRST: tuple[tuple[Kind, str, str], ...] = (
    ("import", "", "import functools"),
    (
        "decorator",
        "plus",
        "def plus(amount):\n    def wrap(function):\n        @functools.wraps(function)\n"
        "        def inner(*args, **named):\n            return function(*args, **named) + amount\n"
        "        return inner\n    return wrap",
    ),
    (
        "decorator",
        "twice",
        "def twice(function):\n    @functools.wraps(function)\n    def inner(*args, **named):\n"
        "        return function(*args, **named) * 2\n    return inner",
    ),
)
"""What the first module begins with, for all: decorators."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Scope:
    """What a statement can use.

    Attributes:
        own: kind → expressions that give one: names of the module, or those of an imported module, dotted.
        importable: module → its names and their kinds.
        later: the same of modules that import this one.
        in_circles: modules may import each other.
    """

    own: Mapping[str, list[str]]
    importable: Mapping[str, list[tuple[str, Kind]]]
    later: Mapping[str, list[tuple[str, Kind]]] = field(default_factory=dict)
    in_circles: bool = False

    @classmethod
    def of(cls, before: Iterable[tuple[str, Kind, str]], importable: Mapping[str, list[tuple[str, Kind]]]) -> Scope:
        own: dict[str, list[str]] = {}
        for name, kind, text in before:
            for given, given_kind in _imported(text, importable) if kind == "import" else [(name, kind)]:
                own.setdefault(given_kind, []).append(given)
        return cls(own, importable)

    def any(self, kind: Kind, random: Random) -> str | None:
        names = self.own.get(kind)
        return random.choice(names) if names else None


def _imported(text: str, importable: Mapping[str, list[tuple[str, Kind]]]) -> list[tuple[str, Kind]]:
    found = re.fullmatch(r"(?:# A word\.\n\n)*(?:import (\w+)|from (\w+) import (\*|\w+)(?: as (\w+))?)", text)
    if found is None:
        return []
    whole, module, name, alias = found.groups()
    names = importable.get(whole or module, [])
    if whole:
        return [(f"{whole}.{each}", kind) for each, kind in names]
    if name == "*":
        return names
    return [(alias or each, kind) for each, kind in names if each == name]


def _number(name: str, scope: Scope, random: Random) -> str:
    return f"{name} = {value(scope, random, ())}"


def _series(name: str, scope: Scope, random: Random) -> str:
    values = [value(scope, random, ()) for _ in range(random.randint(2, 4))]
    form = random.choice(("({},)", "[{}]", "[each + 1 for each in ({},)]"))
    return f"{name} = {form.format(', '.join(values))}"


def _function(name: str, scope: Scope, random: Random) -> str:
    lines = []
    if (chance := random.random()) < 0.15 and (plus := _decorator(scope, "plus")):
        lines.append(f"@{plus}({random.randint(1, 9)})")
    elif chance < 0.25 and (twice := _decorator(scope, "twice")):
        lines.append(f"@{twice}")
    default = value(scope, random, ())
    lines.append(f"def {name}(x, y={default}):")
    if random.random() < 0.3:
        lines.append(f'    """Words {random.randint(0, 99)}."""')
    if random.random() < 0.4:
        lines.append(f"    z = {call(scope, random, ('x', 'y'))}")
        lines.append(f"    return (z + {value(scope, random, ('x', 'y', 'z'))}) % 1009")
    else:
        lines.append(f"    return {call(scope, random, ('x', 'y'))} % 1009")
    return "\n".join(lines)


def _decorator(scope: Scope, name: str) -> str | None:
    return next((each for each in scope.own.get("decorator", ()) if each.rpartition(".")[2] == name), None)


def _factory(name: str, scope: Scope, random: Random) -> str:
    return (
        f"def {name}(n):\n    k = n * 3\n\n    def inner(x, y=5):\n"
        f"        return (k + {call(scope, random, ('x', 'y'))}) % 1009\n\n    return inner"
    )


def _class(name: str, scope: Scope, random: Random) -> str | None:
    # Whether a class has a base can't change without a restart, so it never does here.
    wants_base = int(name.rpartition("_")[2]) % 2 == 0
    base = scope.any("class", random) if wants_base else None
    if wants_base and base is None:
        return None
    lines = [f"class {name}({base or 'object'}):"]
    lines += _attributes(scope, random)
    if base is None:
        lines += ["    def __init__(self, value=4):", "        self.value = value"]
    lines += _methods(scope, random, has_super=base is not None)
    return "\n".join(lines)


def _attributes(scope: Scope, random: Random) -> list[str]:
    return [f"    a{number} = {value(scope, random, ())}" for number in range(random.randint(0, 3))]


def _methods(scope: Scope, random: Random, *, has_super: bool) -> list[str]:
    lines = ["    def m0(self, x=1):", *_method_body(scope, random, has_super=has_super)]
    for number in range(1, random.randint(1, 4)):
        form = random.choice(("plain", "plain", "static", "class", "property"))
        body = call(scope, random, ("x",))
        if form == "plain":
            lines += [f"    def m{number}(self, x={value(scope, random, ())}):"]
            lines += _method_body(scope, random, has_super=has_super)
        elif form == "static":
            lines += ["    @staticmethod", f"    def m{number}(x=2):", f"        return {body} % 1009"]
        elif form == "class":
            lines += [
                "    @classmethod",
                f"    def m{number}(cls, x=3):",
                f"        return ({body} + len(cls.__name__)) % 1009",
            ]
        else:
            lines += [
                "    @property",
                f"    def p{number}(self):",
                f"        return self.value + {value(scope, random, ())}",
            ]
    return lines


def _method_body(scope: Scope, random: Random, *, has_super: bool) -> list[str]:
    result = call(scope, random, ("x", "self.value"))
    if has_super and random.random() < 0.5:
        result += " + super().m0(x)"
    return [f"        return ({result}) % 1009"]


def _dataclass(name: str, scope: Scope, random: Random) -> str:
    lines = ["from dataclasses import dataclass", random.choice(("@dataclass", "@dataclass", "@dataclass(order=True)"))]
    lines += [f"class {name}:", "    value: int = 4"]
    lines += [f"    f{number}: int = {value(scope, random, ())}" for number in range(random.randint(0, 3))]
    return "\n".join([*lines, *_methods(scope, random, has_super=False)])


def _enum(name: str, scope: Scope, random: Random) -> str:
    members = random.sample("ABCDEF", random.randint(1, 4))
    numbers = random.sample(range(20), len(members))
    lines = ["from enum import Enum", f"class {name}(Enum):"]
    lines += [f"    {member} = {number}" for member, number in zip(sorted(members), numbers, strict=True)]
    return "\n".join([*lines, "    def double(self):", f"        return self.value * {random.randint(2, 4)}"])


def _result(name: str, scope: Scope, random: Random) -> str | None:
    function = scope.any("function", random)
    return function and f"{name} = {function}({value(scope, random, ())})"


def _object(name: str, scope: Scope, random: Random) -> str | None:
    made = scope.any("class", random)
    return made and f"{name} = {made}({random.randint(0, 9)})"


def _import(name: str, scope: Scope, random: Random) -> str | None:
    if not scope.importable:
        return None
    module = random.choice(list(scope.importable))
    names = scope.importable[module]
    one = random.choice(names)[0] if names else None
    # Where modules import each other, a star import takes less from one that is not loaded to its end.
    forms = [f"import {module}", f"import {module}" if scope.in_circles else f"from {module} import *"]
    if one:
        forms += [f"from {module} import {one}", f"from {module} import {one} as {one}_{name.rpartition('_')[2]}"]
    return random.choice(forms)


def value(scope: Scope, random: Random, locals_: tuple[str, ...]) -> str:
    """An expression that is a number and calls nothing."""
    choices = [str(random.randint(0, 50)), *locals_]
    choices += [each for each in (scope.any("number", random), scope.any("result", random)) if each]
    choices += [f"{series}[0]" for series in [scope.any("series", random)] if series]
    first, second = random.choice(choices), random.choice(choices)
    return random.choice((first, f"({first} {random.choice('+-*')} {second}) % 1009"))


def call(scope: Scope, random: Random, locals_: tuple[str, ...]) -> str:
    """An expression that is a number, and may call what is there."""
    argument = value(scope, random, locals_)
    choices = [argument]
    choices += [f"{name}({argument})" for name in [scope.any("function", random)] if name]
    choices += [f"{name}({argument})" for name in [scope.any("cached", random)] if name]
    choices += [f"{name}({argument})" for name in [scope.any("dispatch", random)] if name]
    choices += [f"{name}(2)({argument})" for name in [scope.any("factory", random)] if name]
    choices += [f"{name}({argument}).m0()" for name in [scope.any("class", random)] if name]
    choices += [f"{name}.m0({argument})" for name in [scope.any("object", random)] if name]
    choices += [f"{name}(value={argument}).m0()" for name in [scope.any("dataclass", random)] if name]
    choices += [f"max(each.double() for each in {name})" for name in [scope.any("enum", random)] if name]
    return f"({random.choice(choices)} + {random.randint(0, 9)})"


WRITERS: Mapping[str, Callable[[str, Scope, Random], str | None]] = {
    "number": _number,
    "series": _series,
    "function": _function,
    "factory": _factory,
    "class": _class,
    "dataclass": _dataclass,
    "enum": _enum,
    "result": _result,
    "object": _object,
    "import": _import,
}
