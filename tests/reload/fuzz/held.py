"""What somebody who is never edited holds on to: functions, bound methods, instances, closures, classes."""

from __future__ import annotations

import functools
import inspect
import re
import sys
import types
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.reload.fuzz.observe import Token, described, described_instance, tried

__all__ = ["Held", "Kept", "disagreements", "taken"]


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


_OWN_NAME = re.compile(r"plus|twice|(?:function|late|factory|class|dataclass|enum|box|hook|hooked)_\d+")
"""What only one statement of a program binds."""


def taken(modules: Iterable[str]) -> list[Held]:
    """References to what the modules have now."""
    found: list[Held] = []
    for module in modules:
        for name, value in list(vars(sys.modules[module]).items()):
            if getattr(value, "__module__", None) == module and _OWN_NAME.fullmatch(name):
                found += _of(f"{module}.{name}", name, value)
    return found


def _of(key: str, name: str, value: Any) -> list[Held]:
    made: Any = value
    if isinstance(value, types.FunctionType):
        closure = [Held(key + "()", "closure", value(2))] if name.startswith("factory_") else []
        return [Held(key, "function", value), Held(key, "partial", functools.partial(value)), *closure]
    if not inspect.isclass(value):
        return []
    if name.startswith(("enum_", "hook_")):
        return [Held(key, "class", value)]
    instance = made() if name.startswith("hooked_") else made(4)
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
    module, _, name = each.key.rpartition(".")
    return getattr(sys.modules[module], name, None) is each.value


_KEPT = re.compile(r"^((?:boxed|pile|registry)_\d+)(?:: \w+)? = (.*)$", re.M)


class Kept:
    """What the running program has put into containers of its own: it stays as long as their statements do."""

    def __init__(self) -> None:
        self._containers: dict[str, tuple[Any, Token, str]] = {}

    def put(self, sources: Mapping[str, str], modules: Iterable[str]) -> None:
        """Put something into each container that has nothing of ours yet."""
        for module in modules:
            statements = _statements(sources, module)
            for name, value in vars(sys.modules[module]).items():
                if name in statements and f"{module}.{name}" not in self._containers:
                    token = Token()
                    if put_into(value, token):
                        self._containers[f"{module}.{name}"] = (value, token, statements[name])

    def lost(self, sources: Mapping[str, str], modules: Iterable[str]) -> list[str]:
        """What is gone, though the statement that made its container is as it was."""
        problems = []
        for module in modules:
            statements = _statements(sources, module)
            for key in [key for key in self._containers if key.rpartition(".")[0] == module]:
                container, token, text = self._containers[key]
                name = key.rpartition(".")[2]
                now = vars(sys.modules[module]).get(name)
                if statements.get(name) != text:
                    del self._containers[key]
                elif now is not container:
                    problems.append(f"{key}: is another object")
                elif not holds(now, token):
                    problems.append(f"{key}: has lost what the program put there")
        return problems


def _statements(sources: Mapping[str, str], module: str) -> dict[str, str]:
    return dict(_KEPT.findall(sources.get(module.rpartition(".")[2], "")))


def put_into(container: Any, token: Token) -> bool:
    """Put a token in, whatever methods the container has of its own."""
    if isinstance(container, dict):
        dict.__setitem__(container, token, 1)
    elif isinstance(container, list):
        list.append(container, token)
    elif isinstance(container, set):
        set.add(container, token)
    elif isinstance(container, deque):
        deque.append(container, token)
    else:
        return False
    return True


def holds(container: Any, token: Token) -> bool:
    kind: Any = next(each for each in (dict, list, set, deque) if isinstance(container, each))
    return any(each is token for each in kind.__iter__(container))
