"""What a program is, as text: every name of every module, and what calling it gives."""

from __future__ import annotations

import enum
import inspect
import sys
import types
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

__all__ = ["described", "described_instance", "observed"]


def observed(modules: Iterable[str]) -> dict[str, str]:
    """``module.name`` → what it is and does."""
    seen: dict[str, str] = {}
    for module in modules:
        for name, value in sorted(vars(sys.modules[module]).items()):
            if not name.startswith("__"):
                seen[f"{module}.{name}"] = described(value)
                if inspect.isclass(value) and value.__name__.startswith(("class_", "dataclass_")):
                    seen[f"{module}.{name}()"] = tried(partial(_described_new, value))
                elif name.startswith("factory_"):
                    seen[f"{module}.{name}()"] = tried(partial(_described_closure, value))
    return seen


def _described_new(made: Callable[[int], Any]) -> str:
    return described_instance(made(4))


def _described_closure(factory: Callable[[int], Any]) -> str:
    return described(factory(2))


def described(value: Any) -> str:
    """One value as text that doesn't depend on the process."""
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    if isinstance(value, enum.EnumMeta):
        members: Iterable[Any] = value
        return f"enum {[(each.name, each.value, tried(each.double)) for each in members]}"
    if inspect.isclass(value):
        return _class(value)
    if callable(value):
        return _function(value)
    if hasattr(value, "m0"):
        return described_instance(value)
    return repr(value)


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
    results = [tried(partial(_called, value, args)) for args in ((3,), (3, 5))]
    line = code.co_firstlineno if code is not None else None
    return f"{getattr(value, '__qualname__', '')}{inspect.signature(value)} {value.__doc__!r} line {line} {results}"


def _called(value: Callable[..., object], args: tuple[int, ...]) -> object:
    result = value(*args)
    return result if isinstance(result, int) else type(result).__name__


def tried(function: Callable[[], object]) -> str:
    """What it returns, or the kind of exception it raises."""
    try:
        return str(function())
    except Exception as error:
        return type(error).__name__
