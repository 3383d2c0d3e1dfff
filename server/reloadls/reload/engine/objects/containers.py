"""Access to lists, dictionaries, sets and deques by base-type methods only; never calls the program's own.

A subclass may count, forbid or forward what is done to it. Code outside of the program that looks at it must not
set that off.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import chain
from operator import is_
from typing import Any, TypeGuard, TypeVar, overload

__all__ = [
    "CONTAINERS",
    "entries",
    "home_of",
    "is_a",
    "keep_identity",
    "length",
    "more_entries",
    "put_back",
    "put_key",
    "refill",
    "same_entries",
    "slot_name",
]

_T = TypeVar("_T")

CONTAINERS = (list, dict, set, deque)
"""What can be changed in place."""


@overload
def is_a(value: object, types: type[_T]) -> TypeGuard[_T]: ...
@overload
def is_a(value: object, types: tuple[type, ...]) -> bool: ...
def is_a(value: object, types: type | tuple[type, ...]) -> bool:
    """`isinstance`, by the real class: a proxy's `__class__` is not asked."""
    return issubclass(type(value), types)


def home_of(cls: type) -> str:
    """The name of the module of a class, which its metaclass is not asked for."""
    name = type.__getattribute__(cls, "__module__")
    return name if type(name) is str else ""


def _base(container: Any) -> Any:
    kind = type(container)
    if kind is list or kind is dict or kind is tuple or kind is set:
        return kind
    bases = (OrderedDict, list, dict, set, deque, frozenset, tuple)
    return next(each for each in bases if issubclass(kind, each))


def length(container: Any) -> int:
    """How many entries it has."""
    count: int = _base(container).__len__(container)
    return count


def entries(container: Any) -> list[Any]:
    """What it holds, in order: of a dictionary, its pairs."""
    base = _base(container)
    if base is dict or base is OrderedDict:
        return list(base.items(container))
    return list(base.__iter__(container))


def same_entries(one: Sequence[Any], other: Sequence[Any], *, pairs: bool) -> bool:
    """Whether both hold the same objects in the same order."""
    if len(one) != len(other):
        return False
    if pairs:
        return all(map(is_, chain.from_iterable(one), chain.from_iterable(other)))
    return all(map(is_, one, other))


def more_entries(content: Iterable[Any], than: Iterable[Any], *, pairs: bool) -> Iterator[Any]:
    """The entries beyond others, each as often as it is there more often; equal numbers and texts are one object."""
    left = Counter(id(each[0] if pairs else each) for each in than)
    for each in content:
        key = id(each[0] if pairs else each)
        left[key] -= 1
        if left[key] < 0:
            yield each


def refill(container: Any, content: Iterable[Any]) -> None:
    """Have it hold these instead, and nothing else."""
    base = _base(container)
    content = list(content)
    if base is list:
        list.__setitem__(container, slice(None), content)
        return
    if issubclass(base, dict):
        _refill_keys(base, container, content)
        return
    base.clear(container)
    if base is set:
        set.update(container, content)
    else:
        deque.extend(container, content)


def _refill_keys(base: Any, container: Any, content: list[Any]) -> None:
    """What stays where it is is never missing: other threads read it, and the interpreter its own built-in names."""
    now = entries(container)
    same = 0
    while same < min(len(now), len(content)) and now[same][0] is content[same][0]:
        same += 1
    for (_, before), (key, value) in zip(now, content[:same], strict=False):
        if before is not value:
            base.__setitem__(container, key, value)
    kept = {id(key) for key, _ in content[same:]}
    ordered = [id(key) for key, _ in now[same:] if id(key) in kept]
    in_order = ordered == [id(key) for key, _ in content[same : same + len(ordered)]]
    for key, _ in now[same:]:
        if not in_order or id(key) not in kept:
            base.__delitem__(container, key)
    for key, value in content[same:]:
        base.__setitem__(container, key, value)


def put_back(container: Any, before: Sequence[Any]) -> None:
    """Have it hold what it held, if it doesn't."""
    if not same_entries(entries(container), before, pairs=is_a(container, dict)):
        refill(container, before)


def keep_identity(values: Iterable[Any]) -> dict[int, Any]:
    """The values by their identity."""
    return {id(each): each for each in values}


def put_key(container: Any, key: Any, value: Any) -> None:
    """Set one key of a dictionary."""
    _base(container).__setitem__(container, key, value)


def slot_name(key: Any) -> Hashable:
    """What keys are compared by: no method of the program is called."""
    return (type(key), key) if type(key) in (str, int, float, bool, bytes, type(None)) else id(key)
