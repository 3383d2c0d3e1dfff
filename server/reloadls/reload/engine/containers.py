"""Lists, dictionaries, sets and deques as their base types see them: no method of the program is ever called.

A subclass may count, forbid or forward what is done to it. Whoever looks at it from outside of the program must not
set that off.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from io import BytesIO, StringIO
from typing import Any

__all__ = [
    "CONTAINERS",
    "content_of",
    "entries",
    "is_a",
    "keep_identity",
    "length",
    "put_back",
    "put_key",
    "refill",
    "same_entries",
    "set_content",
]

CONTAINERS = (list, dict, set, deque)
"""What can be changed in place."""


def is_a(value: object, types: type | tuple[type, ...]) -> bool:
    """`isinstance`, by the real class: a proxy's `__class__` is not asked."""
    return issubclass(type(value), types)


def _base(container: Any) -> Any:
    kind = type(container)
    bases = (OrderedDict, list, dict, set, deque, frozenset, tuple)
    return next(each for each in bases if issubclass(kind, each))


def length(container: Any) -> int:
    """How many entries it has."""
    count: int = _base(container).__len__(container)
    return count


def entries(container: Any) -> list[Any]:
    """What it holds, in order: of a dictionary, its pairs."""
    base = _base(container)
    if issubclass(base, dict):
        return list(base.items(container))
    return list(base.__iter__(container))


def same_entries(one: Sequence[Any], other: Sequence[Any], *, pairs: bool) -> bool:
    """Whether both hold the same objects in the same order."""
    if len(one) != len(other):
        return False
    if pairs:
        return all(a[0] is b[0] and a[1] is b[1] for a, b in zip(one, other, strict=True))
    return all(a is b for a, b in zip(one, other, strict=True))


def refill(container: Any, content: Iterable[Any]) -> None:
    """Have it hold these instead, and nothing else."""
    base = _base(container)
    content = list(content)
    if base is list:
        list.__setitem__(container, slice(None), content)
        return
    base.clear(container)
    if issubclass(base, dict):
        for key, value in content:
            base.__setitem__(container, key, value)
    elif base is set:
        set.update(container, content)
    else:
        deque.extend(container, content)


def put_back(container: Any, before: Sequence[Any]) -> None:
    """Have it hold what it held, if it doesn't."""
    if not same_entries(entries(container), before, pairs=is_a(container, dict)):
        refill(container, before)


def content_of(value: Any) -> Any:
    """The whole content of an object that is changed in place but holds no objects; None of any other."""
    if issubclass(type(value), bytearray):
        return bytearray.__getitem__(value, slice(None))
    found = _WHOLE.get(type(value))
    return None if found is None else found[0](value)


def set_content(value: Any, content: Any) -> bool:
    """Have it hold that instead; whether it can."""
    if content is _UNSET:
        return False
    if issubclass(type(value), bytearray):
        bytearray.__setitem__(value, slice(None), content)
    else:
        _WHOLE[type(value)][1](value, content)
    return True


def _text(value: StringIO) -> Any:
    return None if value.closed else (value.getvalue(), value.tell())


def _set_text(value: Any, content: Any) -> None:
    if not value.closed:
        value.seek(0)
        value.truncate()
        value.write(content[0])
        value.seek(content[1])


def _value(variable: ContextVar[Any]) -> Any:
    try:
        return variable.get()
    except LookupError:
        return _UNSET


_UNSET = object()
_WHOLE: dict[type, tuple[Callable[[Any], Any], Callable[[Any, Any], object]]] = {
    array: (lambda value: value[:], lambda value, content: value.__setitem__(slice(None), content)),
    StringIO: (_text, _set_text),
    BytesIO: (lambda value: None if value.closed else (value.getvalue(), value.tell()), _set_text),
    ContextVar: (_value, lambda variable, content: variable.set(content)),
}


def keep_identity(values: Iterable[Any]) -> dict[int, Any]:
    """The values by their identity."""
    return {id(each): each for each in values}


def put_key(container: Any, key: Any, value: Any) -> None:
    """Set one key of a dictionary."""
    _base(container).__setitem__(container, key, value)
