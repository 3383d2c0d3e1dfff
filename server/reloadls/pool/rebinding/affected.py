"""Whose construction a reload changed: what an object of the class is built from. Pure; runs nothing of the program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any, Protocol

from reloadls.base.installed import is_installed

__all__ = ["Changed", "changed_names", "is_affected"]

Changed = Mapping[str, frozenset[str]]
"""The qualified names that run new code, by module."""

_CONSTRUCTION = ("__init__", "__new__", "__post_init__")


class _Module(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def changed(self) -> tuple[str, ...]: ...


def changed_names(modules: Iterable[_Module]) -> Changed:
    """What a report says has changed."""
    return {module.name: frozenset(module.changed) for module in modules if module.changed}


def is_affected(cls: type, changed: Changed) -> bool:
    """Whether an object of the class would be built otherwise now, or has other methods.

    That is so where a class of its MRO changed, or a name that its construction uses: directly, or in functions of the
    program that it calls.
    """
    classes = [each for each in cls.__mro__ if each is not object]
    if any(_includes(changed.get(each.__module__), each.__qualname__) for each in classes):
        return True
    seen: set[CodeType] = set()
    waiting = [function for name in _CONSTRUCTION for function in _methods(classes, name)]
    while waiting:
        function = waiting.pop()
        if function.__code__ in seen or is_installed(function.__code__.co_filename):
            continue
        seen.add(function.__code__)
        for value, is_changed in _used(function, classes, changed):
            if is_changed:
                return True
            if isinstance(value, FunctionType):
                waiting.append(value)
    return False


def _used(function: FunctionType, classes: list[type], changed: Changed) -> Iterator[tuple[Any, bool]]:
    """The values of the names in a function's code, each with whether it changed."""
    names = set(_names(function.__code__))
    own = function.__globals__
    module = str(own.get("__name__"))
    for name in names:
        for method in _methods(classes, name):
            yield method, False
        if name not in own:
            continue
        value = own[name]
        yield value, _includes(changed.get(module), name) or _is_changed(value, changed)
        if isinstance(value, ModuleType):
            for inner in names & vars(value).keys():
                yield vars(value)[inner], _includes(changed.get(value.__name__), inner)


def _is_changed(value: Any, changed: Changed) -> bool:
    if not isinstance(value, FunctionType | type):
        return False
    return _includes(changed.get(value.__module__), value.__qualname__)


def _includes(names: frozenset[str] | None, name: str) -> bool:
    """Whether a name, or a part of what it stands for, is among the names."""
    return bool(names) and any(each == name or each.startswith(name + ".") for each in names or ())


def _methods(classes: list[type], name: str) -> list[FunctionType]:
    for each in classes:
        found = vars(each).get(name)
        if found is not None:
            function = getattr(found, "__func__", found)
            return [function] if isinstance(function, FunctionType) else []
    return []


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
