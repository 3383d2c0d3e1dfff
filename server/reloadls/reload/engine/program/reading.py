"""Which objects a statement reads: by its own names, and by those of the functions that it may call."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterable, Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any

from reloadls.reload.engine.analysis.bytecode import names_in
from reloadls.reload.engine.analysis.names import Reads
from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.objects.containers import home_of, is_a

from .dependents import value_at
from .modules import LoadedModule, Modules

__all__ = ["read_by"]

_MOST = 2_000
"""How many objects are looked at."""
_CALLED = (FunctionType, MethodType, functools.partial, functools._lru_cache_wrapper)
"""What a table of functions holds."""


def read_by(modules: Modules, module: LoadedModule, statement: Statement, *, tables: bool = False) -> dict[int, Any]:
    """The objects that a statement reads by its names, and what the program's functions lead to that it calls.

    Args:
        modules: the program.
        module: that of the statement.
        statement: the statement.
        tables: also the functions in containers, and those that a library's wrappers call.

    Returns:
        id -> object.
    """
    found: dict[int, Any] = {}
    waiting = deque(_values(module, statement.facts.uses.now))
    while waiting and len(found) < _MOST:
        value = waiting.popleft()
        if value is not None and id(value) not in found and not is_a(value, ModuleType):
            found[id(value)] = value
            waiting.extend(_leads_to(modules, value))
            waiting.extend(_called_through(modules, value) if tables else ())
    return found


def _values(module: LoadedModule, reads: Reads) -> Iterator[Any]:
    for chain in reads.reads:
        for end in range(1, len(chain) + 1):
            yield value_at(module, chain[:end])


def _globals_of(function: FunctionType) -> Iterator[Any]:
    space = function.__globals__
    return (space[name] for name in names_in(function.__code__) if name in space)


def _leads_to(modules: Modules, value: Any) -> Iterable[Any]:
    """What running an object's code may use."""
    if is_a(value, FunctionType):
        return _of_function(value) if modules.owns(str(value.__globals__.get("__name__"))) else ()
    if is_a(value, (MethodType, staticmethod, classmethod)):
        return (value.__func__, getattr(value, "__self__", None))
    if is_a(value, functools.partial):
        return (value.func, *value.args)
    if is_a(value, (functools._lru_cache_wrapper, property)):
        return (value.fget, value.fset) if is_a(value, property) else (value.__wrapped__,)
    cls = value if is_a(value, type) else type(value)
    kinds = [each for each in cls.__mro__ if modules.owns(home_of(each))]
    return [member for each in kinds for member in type.__getattribute__(each, "__dict__").values()]


def _called_through(modules: Modules, value: Any) -> Iterable[Any]:
    """The functions in a container, and what a library's wrapper closes over."""
    if is_a(value, FunctionType):
        return () if modules.owns(str(value.__globals__.get("__name__"))) else _cells(value)
    kind: Any = next((each for each in (list, tuple, dict) if is_a(value, each)), None)
    if kind is None:
        return ()
    return [each for each in (dict.values if kind is dict else kind.__iter__)(value) if is_a(each, _CALLED)]


def _of_function(function: FunctionType) -> Iterator[Any]:
    names = list(names_in(function.__code__))
    for value in _globals_of(function):
        yield value
        if is_a(value, ModuleType):
            yield from (vars(value)[name] for name in names if name in vars(value))
    yield from _cells(function)


def _cells(function: FunctionType) -> Iterator[Any]:
    """What a function closes over."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            continue
