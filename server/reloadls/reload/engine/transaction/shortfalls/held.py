"""Whether something still holds an object that a statement has made anew."""

from __future__ import annotations

import enum
import gc
import logging
import os
import re
import sys
import threading
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType
from typing import Any
from weakref import ReferenceType, ref

from reloadls.reload.engine.objects.containers import CONTAINERS, home_of, is_a
from reloadls.reload.engine.objects.running import function_with
from reloadls.reload.engine.program.modules import LoadedModule

from .notes import Notes
from .used import Used

__all__ = ["Held"]

_VALUES = (
    *(type, ModuleType, FunctionType, BuiltinFunctionType, MethodType, enum.Enum, os.PathLike, frozenset, str, tuple),
    *(logging.Logger, re.Pattern, threading.Thread),
)
"""Those that are known by what they say, those that their library keeps for good, and threads, of which it is said
whether they still run."""
_KINDS = ("builtins", "itertools", "_asyncio", "asyncio.tasks", "asyncio.futures", typing.__name__)
_OURS = __name__.partition(".")[0] + "."
_INNER = (list, tuple, dict, partial, CellType)
_PASSING = ("frame", "list_iterator", "generator")
_DEPTH = 5
"""How many containers deep it is looked for who holds an object."""
_SHOWN_NOT = ("builtins", "types", "functools", "weakref")


@dataclass(frozen=True, slots=True, eq=False)
class _Replaced:
    """A name that means another object now."""

    module: LoadedModule
    line: int
    name: str
    old: Callable[[], Any]
    """Finds what it meant, if that is alive."""


class Held:
    """The objects of one commit that names no longer mean."""

    def __init__(self) -> None:
        self._replaced: list[_Replaced] = []
        self._in_use: list[tuple[LoadedModule, int, str, int, str]] = []
        """Module, line and name; the id of the object, and the function that runs with it."""

    def add(self, module: LoadedModule, line: int, name: str, old: Any) -> None:
        """A statement has bound a name to another object than this one."""
        self._replaced += [_Replaced(module, line, name, each) for each in module.left_behind.get(name, ())]
        in_use = function_with(old) if gc.is_tracked(old) and not is_a(old, _VALUES) else None
        if in_use is not None:
            self._in_use.append((module, line, name, id(old), in_use))
            return
        if is_a(old, (*CONTAINERS, *_VALUES)) or home_of(type(old)) in _KINDS:
            return
        if not gc.is_tracked(old):  # a value, such as a timedelta: who holds it can't be found, and need not
            return
        try:
            find: Callable[[], Any] = ref(old)
        except TypeError:
            find = partial(_object_at, id(old), type(old))
        self._replaced.append(_Replaced(module, line, name, find))

    def note(self, notes: Notes, used: Used) -> None:
        """Note those that are held by something else, once the commit itself holds nothing any more."""
        for module, line, name, old, function in self._in_use:
            if id(module.namespace.get(name)) != old:
                message = (
                    f"{name} was made anew, but {function}, which is running, has the old one; restart to replace it"
                )
                notes.add("stillHeld", message, module=module, line=line, name=name)
        self._in_use = []
        waiting, self._replaced = [each for each in self._replaced if _is_replaced(each)], []
        if waiting or used.has_made():
            gc.collect()
        used.note_made(notes)
        noted: set[int] = set()
        holders = _Holders(each.old for each in waiting)
        for each in waiting:
            holder = None if id(each.old()) in noted else _holder(each.old, holders)
            if holder is not None:
                noted.add(id(each.old()))
                if isinstance(each.old, ReferenceType):
                    left = each.module.left_behind.get(each.name, [])
                    others = [known for known in left if known is not each.old and known() is not None]
                    each.module.left_behind[each.name] = [*others, each.old]
                message = f"{each.name} was made anew, but {holder} still holds the old one; restart to replace it"
                notes.add("stillHeld", message, module=each.module, line=each.line, name=each.name)


def _is_replaced(each: _Replaced) -> bool:
    """Whether the name does not mean it again, or one that is equal."""
    old, new = each.old(), each.module.namespace.get(each.name)
    if old is None or old is new:
        return False
    try:
        return not bool(old == new)
    except Exception:  # an __eq__ of the program's
        return True


class _Holders:
    """Who holds what. Each look goes through all objects that are alive, so it is made for many objects at once.

    Args:
        finds: what finds the objects that are asked for first; those that hold them are looked at with them.
    """

    def __init__(self, finds: Iterable[Callable[[], Any]]) -> None:
        self._of: dict[int, list[Any]] = {}
        self._lists: set[int] = set()
        """Our own lists of holders: they hold, too."""
        level = [old for find in finds if (old := find()) is not None]
        for _ in range(_DEPTH + 1):
            if not level:
                break
            self._look(level)
            level = [each for value in level for each in self._of[id(value)] if _passes_on(each)]
            level = [each for each in {id(each): each for each in level}.values() if id(each) not in self._of]

    def of(self, value: Any) -> list[Any]:
        """What holds an object."""
        if id(value) not in self._of:
            self._look([value])
        return self._of[id(value)]

    def _look(self, values: list[Any]) -> None:
        for value in values:
            holders: list[Any] = []
            self._of[id(value)] = holders
            self._lists.add(id(holders))
        found = gc.get_referrers(*values)
        for each in found:
            if each is not values and id(each) not in self._lists:
                for held in {id(held) for held in gc.get_referents(each)} & self._of.keys():
                    if each is not found and not any(each is known for known in self._of[held]):
                        self._of[held].append(each)


def _holder(find: Callable[[], Any], holders: _Holders) -> str | None:
    """What holds an object, in words; None if nothing does but the engine's own notes."""
    old = find()
    if old is None:
        return None
    probe = _Probe()
    base = sys.getrefcount(probe)
    found = holders.of(old)
    others = [each for each in found if not _is_ours(each, holders)]
    if sys.getrefcount(old) - base <= len(found) - len(others):
        return None
    names = [name for each in others for name in _named(each, old, holders)]
    shown = [name for name in names if not name.startswith(_OURS)]
    return None if names and not shown else next(iter(shown), "something")


def _object_at(address: int, kind: type) -> Any:
    """An object without weak references; None if it is gone, or a value that holds nothing."""
    return next((each for each in gc.get_objects() if id(each) == address and type(each) is kind), None)


class _Probe:
    """An object that one variable means."""


def _passes_on(value: Any) -> bool:
    """Whether what holds a value holds what is in it."""
    return type(value) in _INNER and not (type(value) is dict and "__name__" in value)


def _is_ours(value: Any, holders: _Holders, depth: int = _DEPTH) -> bool:
    """Whether a holder is the engine's, or a container that only the engine holds, or code that is running."""
    if home_of(type(value)).startswith(_OURS) or getattr(_function(value), "__module__", "").startswith(_OURS):
        return True
    if not depth or not _passes_on(value):
        return False
    rest = [each for each in holders.of(value) if type(each).__name__ not in _PASSING]
    return all(_is_ours(each, holders, depth - 1) for each in rest)


def _function(value: Any) -> Any:
    """What is called by something, if it is a function, a method, or one with some arguments."""
    value = value.func if type(value) is partial else value
    value = value.__func__ if type(value) is MethodType else value
    return value if type(value) is FunctionType else None


def _named(value: Any, held: Any, holders: _Holders, depth: int = 3) -> Iterator[str]:
    """What a holder is to be called."""
    kind = type(value)
    if kind is dict and isinstance(value.get("__name__"), str) and "__spec__" in value:
        yield f"module {value['__name__']}"
        return
    if home_of(kind) not in _SHOWN_NOT and not is_a(value, type):
        if value is not held and vars_of(value) is not vars_of(held):
            yield f"{home_of(kind)}.{kind.__qualname__}"
        return
    if depth:
        for each in holders.of(value):
            if type(each).__name__ not in _PASSING:
                yield from _named(each, held, holders, depth - 1)


def vars_of(value: Any) -> Any:
    """An object's attributes, or the object itself if it has none."""
    return getattr(value, "__dict__", value)
