"""How statements are written that do more than bind a name: they register, change things in place, derive, keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from tests.reload.fuzz.statements import Kind, Scope, call, value

__all__ = ["ACTING", "ACTS", "CIRCLES"]

SHAPES = ("list", "dicts", "tuples", "objects", "partials", "dict", "lists", "set", "site")
"""The shapes of registries, by their number."""

BOXES = ("collections.Counter", "dict", "list", "collections.deque", "collections.OrderedDict", "set")
"""What containers with methods of their own derive from, by their number."""

_SITE = """class Site_{number}:
    def __init__(self):
        self.table = {{}}
        self.order = []

    def register(self, function, key="k", *more):
        self.table[key] = function
        self.order.append((key, function))
        for each in more:
            self.order.append(each)


registry_{number} = Site_{number}()"""

_BOX = """import collections
class box_{number}({base}):
    def __init__(self, name):
        self.name = name

    def refuse(self, *args, **named):
        raise RuntimeError("a method of the program was called")

    copy = items = keys = values = update = extend = clear = pop = __iter__ = __len__ = __eq__ = __contains__ = refuse
    __hash__ = object.__hash__"""


def number_of(name: str) -> int:
    """The number that a name ends with."""
    return int(name.rpartition("_")[2])


def shape_of(name: str) -> str:
    return SHAPES[number_of(name) % len(SHAPES)]


def put(registry: str, key: str, function: str, random: Random) -> str:
    """An expression or assignment that registers a function."""
    forms = {
        "list": f"{registry}.append({function})",
        "dicts": f'{registry}.append({{"event": {key}, "call": {function}}})',
        "tuples": f"{registry}.append(({key}, {function}))",
        "objects": f"{registry}.append(types.SimpleNamespace(key={key}, call={function}))",
        "partials": f"{registry}.append(functools.partial({function}, {random.randint(0, 9)}))",
        "dict": f"{registry}[{key}] = {function}",
        "lists": f"{registry}.setdefault({key}, []).append({function})",
        "set": f"{registry}.add({function})",
        "site": f"{registry}.register({function}, {key})",
    }
    return forms[shape_of(registry)]


_IMPORTS = "import functools, types, os\n"


def _registry(name: str, scope: Scope, random: Random) -> str:
    shape = shape_of(name)
    if shape == "site":
        return _SITE.format(number=number_of(name))
    empty = "{}" if shape in {"dict", "lists"} else "set()" if shape == "set" else "[]"
    kind = "dict" if shape in {"dict", "lists"} else "set" if shape == "set" else "list"
    return f"{name}{random.choice(('', '', f': {kind}'))} = {random.choice((empty, f'{kind}()'))}"


def _key(random: Random) -> str:
    return f'"{random.choice("abcde")}"'


def _nameless(scope: Scope, random: Random, more: str = "") -> str:
    return f"lambda x, y=5{more}: {call(scope, random, ('x', 'y'))} % 1009"


def _registered(name: str, scope: Scope, random: Random) -> str | None:
    registry = scope.any("registry", random)
    if registry is None:
        return None
    function = scope.any("function", random)
    chance = random.random()
    if chance < 0.3 or function is None:
        text = put(registry, _key(random), f"({_nameless(scope, random)})", random)
    elif chance < 0.55:
        text = put(registry, _key(random), function, random)
    elif chance < 0.65:
        keys = ", ".join(f'"{each}"' for each in random.sample("abcde", random.randint(1, 3)))
        own = f"({_nameless(scope, random, f', each=each_{number_of(name)}')})"
        loop = f"each_{number_of(name)}"
        text = f"for {loop} in ({keys},):\n    {put(registry, loop, random.choice((own, function)), random)}"
    elif chance < 0.8:
        first, second = (put(registry, _key(random), function, random) for _ in range(2))
        text = f"if True:\n    {first}\n    {second}"
    else:
        inside = put(registry, _key(random), random.choice((function, f"({_nameless(scope, random)})")), random)
        text = f"def fill_{number_of(name)}():\n    {inside}\n\nfill_{number_of(name)}()"
    return _IMPORTS + text


def _registrar(name: str, scope: Scope, random: Random) -> str | None:
    registry = scope.any("registry", random)
    if registry is None:
        return None
    returned = random.choice(("function", "function", "function", "None", registry))
    return (
        f"{_IMPORTS}def {name}(key):\n    def inside(function):\n        {put(registry, 'key', 'function', random)}\n"
        f"        return {returned}\n    return inside"
    )


def _handler(name: str, scope: Scope, random: Random) -> str:
    """A function that shares its name with others."""
    registrar = scope.any("registrar", random)
    lines = [f"@{registrar}({_key(random)})"] if registrar and random.random() < 0.8 else []
    lines.append(f"def {random.choice(('handler', 'handler', 'read'))}(x, y={value(scope, random, ())}):")
    return "\n".join([*lines, f"    return {call(scope, random, ('x', 'y'))} % 1009"])


def _pile(name: str, scope: Scope, random: Random) -> str:
    return f"{name} = {'{}' if number_of(name) % 2 else '[]'}"


def _settings(name: str, scope: Scope, random: Random) -> str:
    return f"import types\n{name} = types.SimpleNamespace(level={random.randint(0, 9)})"


def _effect(name: str, scope: Scope, random: Random) -> str | None:
    number = number_of(name)
    kinds: list[str] = [f'os.environ["FUZZ_{random.choice("ab")}"] = str({value(scope, random, ())})']
    if pile := scope.any("pile", random):
        if number_of(pile) % 2:
            kinds += [
                f'part_{number} = "{random.choice("ab")}"\n{pile}[f"{{part_{number}}}y"] = {value(scope, random, ())}',
                f"{pile}.update({random.choice('ab')}={value(scope, random, ())})",
                f'{pile}.setdefault("{random.choice("ab")}", {value(scope, random, ())})',
            ]
        else:
            names = ", ".join(f'"{random.choice("abc")}{each}"' for each in range(random.randint(1, 3)))
            kinds += [
                f"for each_{number} in ({names},):\n    {pile}.append(each_{number})",
                f"{pile} += [{value(scope, random, ())}]" if "." not in pile else f"{pile}.append({number})",
                f"def grow_{number}():\n    {pile}.append({value(scope, random, ())})\n\ngrow_{number}()",
                f"{pile}.insert(0, {value(scope, random, ())})",
            ]
    if settings := scope.any("settings", random):
        kinds += [f"{settings}.{random.choice(('debug', 'level'))} = {value(scope, random, ())}"] * 2
    if patched := scope.any("class", random):
        kinds += [
            f"{patched}.a9 = {value(scope, random, ())}",
            f"def patch_{number}(self, x=1):\n    return {call(scope, random, ('x',))} % 1009\n\n"
            f"{patched}.m9 = patch_{number}",
        ]
    return _IMPORTS + random.choice(kinds)


def _box(name: str, scope: Scope, random: Random) -> str:
    number = number_of(name)
    text = _BOX.format(number=number, base=BOXES[number % len(BOXES)])
    return f"{text}\n\n    def m0(self, x=1):\n        return {call(scope, random, ('x',))} % 1009"


def _boxed(name: str, scope: Scope, random: Random) -> str | None:
    box = scope.any("box", random)
    return box and f'{name} = {box}("{random.choice("ab")}")'


def _cached(name: str, scope: Scope, random: Random) -> str:
    return (
        f"import functools\n@functools.lru_cache\ndef {name}(x, y={value(scope, random, ())}):\n"
        f"    return {call(scope, random, ('x', 'y'))} % 1009"
    )


def _dispatch(name: str, scope: Scope, random: Random) -> str:
    return f"import functools\n@functools.singledispatch\ndef {name}(x, y=1):\n    return {call(scope, random, ('y',))}"


def _way(name: str, scope: Scope, random: Random) -> str | None:
    dispatch = scope.any("dispatch", random)
    kind = random.choice(("int", "str", "float", "list"))
    return dispatch and f"@{dispatch}.register({kind})\ndef _(x, y=1):\n    return {call(scope, random, ('y',))}"


def _hook(name: str, scope: Scope, random: Random) -> str:
    number = number_of(name)
    amount = value(scope, random, ())
    if number % 3 == 0:
        return (
            f"seen_{number} = []\nclass {name}:\n    value = 4\n    def __init_subclass__(cls, **named):\n"
            f"        super().__init_subclass__(**named)\n        cls.a8 = {amount}\n"
            f"        seen_{number}.append((cls.__name__, cls.a8))"
        )
    if number % 3 == 1:
        return (
            f"class Meta_{number}(type):\n    def __new__(meta, name, bases, space, **named):\n"
            f"        space['a8'] = {amount}\n        return super().__new__(meta, name, bases, space, **named)\n\n"
            f"class {name}(metaclass=Meta_{number}):\n    value = 4"
        )
    return (
        f"class Named_{number}:\n    def __set_name__(self, owner, name):\n        self.name = name + str({amount})\n"
        f"    def __get__(self, instance, owner=None):\n        return self.name\n\n"
        f"class {name}:\n    value = 4\n    a8 = Named_{number}()"
    )


def _hooked(name: str, scope: Scope, random: Random) -> str | None:
    hook = scope.any("hook", random)
    lines = [f"class {name}({hook}):", f"    a0 = {value(scope, random, ())}"]
    return hook and "\n".join(
        [*lines, "    def m0(self, x=1):", f"        return {call(scope, random, ('x',))} % 1009"]
    )


def _tail(name: str, scope: Scope, random: Random) -> str | None:
    """An import of a module that imports this one: it stands at the end."""
    if not scope.later:
        return None
    module = random.choice(list(scope.later))
    names = [each for each, kind in scope.later[module] if kind == "number"]
    return random.choice((f"import {module}", f"from {module} import {random.choice(names)}" if names else None))


def _late(name: str, scope: Scope, random: Random) -> str | None:
    """A function that uses what the module imports at its end."""
    used = scope.any("tail", random)
    return used and f"def {name}(x, y=2):\n    return ({used} + {call(scope, random, ('x', 'y'))}) % 1009"


def _demand(name: str, scope: Scope, random: Random) -> str:
    """A check that some edits of others fail."""
    return f"1 / (({value(scope, random, ())}) % {random.randint(5, 9)})"


ACTING: Sequence[tuple[Kind, ...]] = (
    ("registry", "registered", "registered", "registrar", "handler", "handler"),
    ("pile", "effect", "effect"),
    ("settings", "effect"),
    ("box", "boxed"),
    ("cached", "cached"),
    ("dispatch", "way", "way"),
    ("hook", "hooked", "hooked"),
    ("handler", "handler"),
    ("demand",),
)
"""Kinds that belong together; a program has some of these groups."""

CIRCLES: Sequence[tuple[Kind, ...]] = (("tail", "late", "late"), ("cached",), ("box", "boxed"))
"""The kinds of programs whose modules import each other."""

ACTS: Mapping[str, Callable[[str, Scope, Random], str | None]] = {
    "registry": _registry,
    "registered": _registered,
    "registrar": _registrar,
    "handler": _handler,
    "pile": _pile,
    "settings": _settings,
    "effect": _effect,
    "box": _box,
    "boxed": _boxed,
    "cached": _cached,
    "dispatch": _dispatch,
    "way": _way,
    "hook": _hook,
    "hooked": _hooked,
    "demand": _demand,
    "tail": _tail,
    "late": _late,
}
