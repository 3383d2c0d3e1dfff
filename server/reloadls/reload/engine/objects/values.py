"""Values without identity: whether a new one is indistinguishable from the old one, and whether one has changed."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from enum import Enum
from itertools import count
from logging import Logger
from types import FunctionType, MethodType, ModuleType
from typing import Any
from weakref import getweakrefs, ref

from reloadls.reload.engine.objects.containers import home_of, is_a
from reloadls.reload.engine.undo import MISSING

from .changes import attributes_of, state_of

__all__ = [
    "OPEN",
    "Owns",
    "Same",
    "copy_of",
    "is_immutable",
    "is_made_again",
    "is_made_empty",
    "is_plain",
    "same_calls",
    "same_settings",
    "same_value",
    "stands_for",
]

Owns = Callable[[str], bool]
_VALUES = (bool, int, float, complex, str, bytes, type(None))
_IMMUTABLE = frozenset(["datetime", "decimal", "fractions", "ipaddress", "pathlib", "re", "uuid"])
"""Modules of the standard library whose objects can't change."""
_FIXED = (tuple, frozenset)
OPEN = (list, dict, set, deque, defaultdict, Counter, OrderedDict)
"""What can be changed in place, and is of the language itself."""
_BASES = (BaseException, list, dict, set, frozenset, tuple, deque, str, bytes, bytearray, int, float)
"""What has content beside its attributes."""
_STATEFUL = frozenset(
    (module, name)
    for module in ("_thread", "_queue", "asyncio.locks", "asyncio.queues", "queue", "threading")
    for name in ("lock", "Lock", "RLock", "Event", "Condition", "Queue", "LifoQueue", "PriorityQueue", "SimpleQueue")
)
"""Each is made as any other, but for its `maxsize`; what it holds then is the program's."""
_MOST_PARTS = 200


def copy_of(value: Any, owns: Owns | None = None) -> Any:
    """A copy of plain data, to be compared with a later one; MISSING for what holds anything else, or is large.

    Args:
        value: what to copy.
        owns: whether a module of this name is the program's; with it, objects of the program's classes are copied, too.
    """
    return _Copying(owns).copy(value)


class _Copying:
    """Makes one copy."""

    def __init__(self, owns: Owns | None) -> None:
        self._owns = owns
        self._left = _MOST_PARTS
        self._around: list[int] = []
        """The ids of the objects that are being copied."""

    def copy(self, value: Any) -> Any:
        self._left -= 1
        kind = type(value)
        if kind in _VALUES or home_of(kind).partition(".")[0] in _IMMUTABLE:
            return (kind, value)
        if is_a(value, Enum):
            return (Enum, id(value))  # its class keeps it, and may compare it in its own way
        if (fields := _frozen_fields(value)) is not None:
            return self._all((type, kind), fields, tuple)
        if kind in (*_FIXED, *OPEN):
            if self._left < len(value):
                return MISSING
            parts = [part for pair in value.items() for part in pair] if issubclass(kind, dict) else list(value)
            return self._all(None, parts, kind)
        return MISSING if self._owns is None else self._object(value, self._owns)

    def _all(self, first: Any, parts: Iterable[Any], kind: type) -> Any:
        copies = [] if first is None else [first]
        for part in parts:
            copies.append(self.copy(part))
            if copies[-1] is MISSING:
                return MISSING
        return (kind, frozenset(copies) if kind in (set, frozenset) else tuple(copies))

    def _object(self, value: Any, owns: Owns) -> Any:
        kind = type(value)
        if (known := _as_such(value)) is not None:
            return known
        if kind is MethodType:
            return self._all((type, kind), (value.__func__, value.__self__), Same)
        if id(value) in self._around:
            return (Same, self._around.index(id(value)))
        state = state_of(value) if owns(home_of(kind)) and not is_a(value, _BASES) else None
        if state is None or self._left < len(state):
            return MISSING
        self._around.append(id(value))
        found = self._all((type, Same(kind)), [part for pair in state.items() for part in pair], Same)
        self._around.pop()
        return found


def _as_such(value: Any) -> Any:
    """A copy of what has no parts; None for other objects."""
    kind = type(value)
    if is_made_empty(value):
        known = attributes_of(value) or {}
        return (Same, (kind, known.get("maxsize", known.get("_maxsize"))))
    if kind is count:
        return (kind, repr(value))
    return (Same, Same(value)) if is_a(value, (type, ModuleType, FunctionType, Logger)) else None


def is_made_again(new: Any, old: Any, made: Any, owns: Owns) -> bool:
    """Whether something is made anew just as another had been, which `made` is a copy of as it was then."""
    return copy_of(new, owns) == made and same_settings(new, old)


def same_settings(one: Any, other: Any) -> bool:
    """Whether containers do the same, beside what they hold."""
    if type(one) is deque and type(other) is deque:
        return one.maxlen == other.maxlen
    return not (is_a(one, defaultdict) and is_a(other, defaultdict)) or one.default_factory is other.default_factory


def is_made_empty(value: Any) -> bool:
    """Whether a value is a queue, lock or the like: what it holds is the program's."""
    return (home_of(type(value)), type(value).__name__) in _STATEFUL


class Same(ref[Any]):
    """A weak reference that is equal only to those of the same object. As a kind, it marks what is not plain data."""

    _instead: Same | None = None

    def now(self) -> Any:
        """The object, or what has taken its place; None if it is gone."""
        return self() if self._instead is None else self._instead.now()

    def give_way(self, value: Any) -> None:
        """Another object has taken its place."""
        self._instead = Same(value)

    def __eq__(self, other: object) -> bool:
        return type(other) is Same and self.now() is not None and self.now() is other.now()

    def __hash__(self) -> int:
        return 0  # the object's own would be the program's code


def stands_for(double: Any, kept: Any) -> None:
    """Have copies that hold an object be equal to those that hold another one, which has taken its place."""
    for each in getweakrefs(double):
        if type(each) is Same:
            each.give_way(kept)


def _frozen_fields(value: Any) -> list[Any] | None:
    """The values of a named tuple, or of a frozen dataclass that has nothing else; None for other objects."""
    own = type.__getattribute__(type(value), "__dict__")
    if is_a(value, tuple) and type(own.get("_fields")) is tuple:
        return list(tuple.__iter__(value))
    if not getattr(own.get("__dataclass_params__"), "frozen", False):
        return None
    state = state_of(value)
    if state is None or state.keys() - own["__dataclass_fields__"].keys():
        return None
    return [part for pair in sorted(state.items()) for part in pair]


def is_immutable(copy: Any) -> bool:
    """Whether what `copy_of` has copied can't change."""
    kind, parts = copy
    return kind not in (*OPEN, Same) and (kind not in _FIXED or all(map(is_immutable, parts)))


def is_plain(value: Any) -> bool:
    """Whether a value is a number or text, or None: it is what it is equal to."""
    return value is None or is_a(value, (str, int, float, bytes))


def same_value(one: Any, other: Any) -> bool:
    """Return whether the two are indistinguishable."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if is_a(one, (tuple, frozenset)) and type(one) in (tuple, frozenset):
        return (
            len(one) == len(other)
            and all(type(each) in _VALUES for each in (*one, *other))
            and one == other
            and repr(one) == repr(other)
        )
    return type(one) in _VALUES and bool(one == other) and repr(one) == repr(other)


def same_calls(one: Any, other: Any) -> bool:
    """Whether two functions that come from the same text do the same."""
    if not (is_a(one, FunctionType) and is_a(other, FunctionType)):
        return False
    plain = not (one.__kwdefaults__ or other.__kwdefaults__ or other.__closure__)
    return plain and same_value(one.__defaults__, other.__defaults__)
