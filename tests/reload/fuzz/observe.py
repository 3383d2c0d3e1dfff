"""What a program is, as text: every name of every module, and what calling it gives."""

from __future__ import annotations

import enum
import functools
import inspect
import os
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

__all__ = ["Token", "content", "described", "described_instance", "forget_environment", "observed"]

PREFIX = "FUZZ_"
"""What the program sets in the environment begins so."""
_CLASSES = ("class_", "dataclass_", "hooked_", "box_")
_CONTAINERS = (dict, list, set, deque, tuple)


class Token:
    """Stands for what a running program has put somewhere; a fresh start does not have it."""


def forget_environment() -> None:
    """Take out of the environment what a program has set."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]


def observed(modules: Iterable[str]) -> dict[str, str]:
    """``module.name`` → what it is and does."""
    seen: dict[str, str] = {}
    for module in modules:
        for name, value in sorted(vars(sys.modules[module]).items()):
            if not name.startswith("__"):
                seen[f"{module}.{name}"] = described(value)
                if inspect.isclass(value) and value.__name__.startswith(_CLASSES):
                    seen[f"{module}.{name}()"] = tried(partial(_described_new, value))
                elif name.startswith("factory_"):
                    seen[f"{module}.{name}()"] = tried(partial(_described_closure, value))
    seen["environment"] = str(sorted(item for item in os.environ.items() if item[0].startswith(PREFIX)))
    return seen


def _described_new(made: Callable[..., Any]) -> str:
    return described_instance(made() if made.__name__.startswith("hooked_") else made(4))


def _described_closure(factory: Callable[[int], Any]) -> str:
    return described(factory(2))


def described(value: Any, depth: int = 4) -> str:
    """One value as text that doesn't depend on the process."""
    ways: tuple[tuple[bool, Callable[[], str]], ...] = (
        (isinstance(value, types.ModuleType), lambda: f"module {value.__name__}"),
        (isinstance(value, enum.EnumMeta), lambda: _enum(value)),
        (inspect.isclass(value), lambda: _class(value)),
        (isinstance(value, functools.partial), lambda: f"partial {value.args} {described(value.func, depth)}"),
        (callable(value), lambda: _function(value)),
        (type(value).__name__.startswith(("Site_", "SimpleNamespace")), lambda: _attributes(value, depth)),
        (isinstance(value, _CONTAINERS), lambda: _container(value, depth)),
        (hasattr(value, "m0"), lambda: described_instance(value)),
    )
    return next((way() for fits, way in ways if fits), None) or repr(value)


def _enum(value: Iterable[Any]) -> str:
    return f"enum {[(each.name, each.value, tried(each.double)) for each in value]}"


def _attributes(value: Any, depth: int) -> str:
    return f"{type(value).__name__} {content(dict(sorted(vars(value).items())), depth)}"


def _container(value: Any, depth: int) -> str:
    return f"{described_instance(value) if hasattr(value, 'm0') else ''}{content(value, depth)}"


def content(value: Any, depth: int = 4) -> str:
    """What a container holds, but for tokens, without calling its own methods."""
    if not depth:
        return "..."
    if isinstance(value, dict):
        pairs = [(key, each) for key, each in dict.items(value) if not isinstance(key, Token)]
        if all(isinstance(each, list) for _, each in pairs):
            # A key that several statements have put something under stands where the first of them ran.
            pairs.sort()
        return f"{{{', '.join(f'{key}: {described(each, depth - 1)}' for key, each in pairs)}}}"
    kind = next(each for each in _CONTAINERS if isinstance(value, each))
    found = [described(each, depth - 1) for each in kind.__iter__(value) if not isinstance(each, Token)]
    return f"{kind.__name__}[{', '.join(sorted(found) if kind is set else found)}]"


def described_instance(value: Any) -> str:
    """An instance: its class, and what its methods and properties give."""
    parts = [type(value).__name__]
    for name in sorted(dir(type(value))):
        if name[:1] in "amp" and name[1:].isdigit():
            parts.append(f"{name}={tried(partial(_member, value, name))}")
    return " ".join(parts)


def _member(value: Any, name: str) -> object:
    member = getattr(value, name)
    return member() if callable(member) else member


def _class(value: type) -> str:
    members = {name: type(member).__name__ for name, member in vars(value).items() if not name.startswith("__")}
    order = [each.__name__ for each in value.__mro__]
    fields = [f"{field.name}={field.default}" for field in getattr(value, "__dataclass_fields__", {}).values()]
    return f"class {value.__module__}.{value.__qualname__} {order} {sorted(members.items())} {fields}"


def _function(value: Any) -> str:
    code = getattr(inspect.unwrap(value), "__code__", None)
    calls: tuple[tuple[object, ...], ...] = ((3,), (3, 5))
    if hasattr(value, "registry"):  # of functools.singledispatch
        calls = (*calls, ("a",), (1.5,), ([],))
    results = [tried(partial(_called, value, args)) for args in calls]
    line = code.co_firstlineno if code is not None else None
    return f"{getattr(value, '__qualname__', '')}{inspect.signature(value)} {value.__doc__!r} line {line} {results}"


def _called(value: Callable[..., object], args: tuple[object, ...]) -> object:
    result = value(*args)
    return result if isinstance(result, int) else type(result).__name__


def tried(function: Callable[[], object]) -> str:
    """What it returns, or the kind of exception it raises."""
    try:
        return str(function())
    except Exception as error:
        return type(error).__name__
