"""What somebody who is never edited holds on to: functions, bound methods, instances, closures, classes."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.reload.fuzz.observe import described, described_instance, tried

__all__ = ["Held", "disagreements", "taken"]


@dataclass(frozen=True)
class Held:
    """One reference: the key of the observation that it must agree with, how it is held, and the object."""

    key: str
    form: str
    value: Any
    name: str = ""
    """The method's, of a bound one."""

    def described(self) -> str:
        if self.form == "instance":
            return described_instance(self.value)
        if self.form == "bound":
            return f"{self.name}={tried(self.value)}"
        if self.form == "partial":
            return described(self.value.func)
        return described(self.value)


def taken(modules: Iterable[str]) -> list[Held]:
    """References to what the modules have now."""
    found: list[Held] = []
    for module in modules:
        for name, value in list(vars(sys.modules[module]).items()):
            if getattr(value, "__module__", None) == module and not name.startswith("__"):
                found += _of(f"{module}.{name}", name, value)
    return found


def _of(key: str, name: str, value: Any) -> list[Held]:
    made: Any = value
    if isinstance(value, types.FunctionType):
        closure = [Held(key + "()", "closure", value(2))] if name.startswith("factory_") else []
        return [Held(key, "function", value), Held(key, "partial", functools.partial(value)), *closure]
    if not inspect.isclass(value):
        return []
    if name.startswith("enum_"):
        return [Held(key, "class", value)]
    instance = made(4)
    bound = [Held(key + "()", "bound", instance.m0, "m0")]
    return [Held(key, "class", value), Held(key + "()", "instance", instance), *bound]


def disagreements(held: Iterable[Held], right: Mapping[str, str]) -> list[str]:
    """Where a held reference is not what a fresh start has under its name; what is gone there is let go."""
    return [
        f"held {each.form} {each.key}:\n  is   {each.described()}\n  must {right[each.key]}"
        for each in held
        if each.key in right and not _agrees(each, right[each.key])
    ]


def _agrees(each: Held, right: str) -> bool:
    said = each.described()
    if each.form == "bound":
        return said in right.split(" ")
    return said == right and (each.form != "class" or _is_current(each))


def _is_current(each: Held) -> bool:
    """Whether a class is still the one that the module has: edits never exchange it for another."""
    module, _, name = each.key.partition(".")
    return getattr(sys.modules[module], name, None) is each.value
