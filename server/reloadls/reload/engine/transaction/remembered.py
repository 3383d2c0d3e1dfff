"""What is remembered of calls, by `functools.cache`, `cached_property` or a module's `__getattr__`, and gets stale."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from reloadls.reload.engine.analysis.bytecode import globals_set_by
from reloadls.reload.engine.objects.adopt import inner_functions
from reloadls.reload.engine.objects.computed import (
    forget_attribute,
    keeps_names,
    kept_names,
    may_call,
    remembers_plain_data,
)
from reloadls.reload.engine.objects.containers import home_of, is_a
from reloadls.reload.engine.objects.values import same_value
from reloadls.reload.engine.program.dependents import Key, value_at
from reloadls.reload.engine.program.imports.stars import names_by_star
from reloadls.reload.engine.program.modules import LoadedModule, Modules
from reloadls.reload.engine.undo import MISSING, Undo

from .transaction import Transaction

__all__ = ["Remembered", "class_of_method", "forget_computed"]


class Remembered:
    """What the program remembers of calls, within one commit.

    Args:
        shared: the commit's data.
        emit: has what depends on a name follow.
    """

    def __init__(self, shared: Transaction, emit: Callable[[Key], None]) -> None:
        self._shared = shared
        self._emit = emit

    def forget_calls(self, module: LoadedModule, name: str) -> None:
        """What `functools.cache` keeps of a function's calls is stale: it uses something that changed."""
        self._shared.adapters.calls_differ(module.namespace, name)
        if name == "__getattr__":
            self.forget_names((module.name, name), body=True)
        value: Any = module.namespace.get(name.partition(".")[0])
        owner: object = None
        for part in name.split(".")[1:]:
            owner = value
            value = vars(value).get(part) if is_a(value, type) else None
        value = value.__func__ if is_a(value, (staticmethod, classmethod)) else value
        if is_a(value, functools._lru_cache_wrapper):
            self._shared.forget_calls(value)
        elif is_a(value, functools.cached_property) and is_a(owner, type):
            forget_attribute(owner, name.rpartition(".")[2], self._shared.undo)

    def forget_what_may_call(self, method: str) -> None:
        """Forget answers that may come of a method: the text of functions does not say whose methods they call."""
        for owner, name, value in self._remembering:
            function = value.func if is_a(value, functools.cached_property) else value
            if not any(may_call(each, method) for each in inner_functions(function)):
                continue
            if is_a(value, functools.cached_property):
                forget_attribute(owner, value.attrname or name, self._shared.undo, only_plain=True)
            elif remembers_plain_data(value):
                self._shared.forget_calls(value)

    @functools.cached_property
    def _remembering(self) -> list[tuple[Any, str, Any]]:
        """What remembers answers in the program, with the class that it is of and its name."""
        found: list[tuple[Any, str, Any]] = []
        for space in self._shared.modules.spaces():
            for name, value in list(space.items()):
                if (cache := _remembering_in(value)) is not None:
                    found.append((None, name, cache))
                elif is_a(value, type) and self._shared.modules.owns(home_of(value)):
                    for each, held in list(type.__getattribute__(value, "__dict__").items()):
                        if (cache := _remembering_in(held)) is not None:
                            found.append((value, each, cache))
        return found

    def forget_names(self, key: Key, *, body: bool) -> None:
        """Have modules' `__getattr__` (PEP 562) find names anew that it has bound to what this name meant."""
        space = self._shared.modules.named(key[0])
        if space is None or "." in key[1]:
            return
        if key[1] == "__getattr__":
            for name in self._kept_names(space):
                self._forget_name(space, name)
        elif not body and (was := self._shared.before.get(space, {}).get(key[1], MISSING)) is not MISSING:
            for module in self._shared.modules:
                for name in self._kept_names(module) if module is not space else ():
                    if same_value(module.namespace[name], was):
                        self._forget_name(module, name)

    def _kept_names(self, module: LoadedModule) -> list[str]:
        """The names of a module that its `__getattr__` has bound."""
        if not keeps_names(module.namespace):
            return []
        bound = {name for codes in module.codes.values() for code in codes for name in globals_set_by(code)}
        for statement in module.source.statements:
            bound |= statement.facts.uses.binds | module.bound_by(statement.facts)
            bound |= names_by_star(self._shared.modules, module, statement)
        return list(kept_names(module.namespace, bound))

    def _forget_name(self, module: LoadedModule, name: str) -> None:
        self._shared.undo.set_item(module.namespace, name, MISSING)
        self._emit((module.name, name))


_REMEMBERING = (functools._lru_cache_wrapper, functools.cached_property)


def _remembering_in(value: Any) -> Any:
    """What remembers answers: a value, or what a static or class method, or another decorator, is made around."""
    for _ in range(10):
        if type(value) in _REMEMBERING:
            return value
        if is_a(value, (staticmethod, classmethod)):
            value = value.__func__
        elif is_a(value, FunctionType) and "__wrapped__" in vars(value):
            value = vars(value)["__wrapped__"]
        else:
            break
    return None


def class_of_method(function: FunctionType, modules: Modules) -> type | None:
    """The class in which a function was defined."""
    outer = function.__qualname__.rpartition(".")[0]
    loaded = modules.named(function.__module__) if outer else None
    cls = None if loaded is None else value_at(loaded, tuple(outer.split(".")))
    return cls if is_a(cls, type) else None


def forget_computed(functions: Iterable[FunctionType], modules: Modules, undo: Undo) -> None:
    """Have instances compute the attributes anew that `cached_property` keeps of these functions."""
    for function in functions:
        cls = class_of_method(function, modules)
        if cls is None:
            continue
        name = function.__qualname__.rpartition(".")[2]
        found = vars(cls).get(name)
        if is_a(found, functools.cached_property) and any(each is function for each in inner_functions(found.func)):
            forget_attribute(cls, found.attrname or name, undo)
