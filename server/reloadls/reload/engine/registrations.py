"""What statements have put into the program's containers: found, taken out, and put back at the same place.

A statement that is run again registers again, so that its old registration goes first. What it made stays the same
object (see `adopt`), so that the double is replaced by it wherever the double was put.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from .reach import LONGEST, reach
from .undo import Undo

__all__ = ["Registrations"]

_MOST = 20_000
_Mutable = (list, dict, set, deque)


@dataclass(frozen=True, slots=True, eq=False)
class _Taken:
    """An entry that was taken out."""

    container: Any
    place: int
    key: Any
    value: Any


class Registrations:
    """The containers that the program's modules lead to."""

    def __init__(self, namespaces: Sequence[dict[str, Any]], own: frozenset[str]) -> None:
        self._namespaces = namespaces
        self._own = own
        self._taken: list[_Taken] = []
        self._doubles: dict[int, tuple[Any, Any]] = {}

    def restore_with(self, undo: Undo) -> None:
        """Have all containers hold what they hold now when the commit is taken back."""
        for container in self._containers():
            undo.add(partial(_restore, container, container.copy()))

    def take_out(self, values: Iterable[Any], starts: Iterable[Any] | None = None, names: Collection[str] = ()) -> None:
        """Remove every entry that is one of these objects, and remember where it was.

        Args:
            values: the objects, by identity.
            starts: where to look; the whole program when left out.
            names: strings that are removed, too.
        """
        wanted = {id(value): value for value in values}
        attributes: set[int] = set()  # an attribute is no registration
        for container in self._containers(starts, attributes):
            if id(container) in attributes:
                continue
            for taken in reversed(_entries(container, wanted, names)):
                _remove(taken)
                self._taken.append(taken)

    def replace(self, double: Any, kept: Any) -> None:
        """At the end, have `kept` stand wherever `double` was put."""
        self._doubles[id(double)] = (double, kept)

    def settle(self) -> None:
        """Put what was registered again where it was before, without doubles."""
        if self._doubles:
            for container in self._containers():
                _replace(container, self._doubles)
        for taken in reversed(self._taken):
            _put_back(taken)
        self._doubles, self._taken = {}, []

    def _containers(self, starts: Iterable[Any] | None = None, attributes: set[int] | None = None) -> list[Any]:
        if starts is None:
            starts = [value for space in self._namespaces for value in list(space.values())]
        found = reach(starts, self._own, most=_MOST, attributes=attributes)
        return [each for each in found if isinstance(each, _Mutable) and len(each) <= LONGEST]


def _restore(container: Any, before: Any) -> None:
    if isinstance(container, dict):
        if list(container.items()) != list(before.items()) or any(container[key] is not before[key] for key in before):
            container.clear()
            container.update(before)
    elif isinstance(container, set):
        if {id(each) for each in container} != {id(each) for each in before}:
            container.clear()
            container.update(before)
    elif [id(each) for each in container] != [id(each) for each in before]:
        container.clear()
        container.extend(before)


def _entries(container: Any, wanted: dict[int, Any], names: Collection[str]) -> list[_Taken]:
    def is_wanted(value: Any) -> bool:
        return id(value) in wanted or (type(value) is str and value in names)

    if isinstance(container, dict):
        pairs = enumerate(list(container.items()))
        return [
            _Taken(container, place, key, value) for place, (key, value) in pairs if is_wanted(value) or is_wanted(key)
        ]
    return [_Taken(container, place, None, each) for place, each in enumerate(list(container)) if is_wanted(each)]


def _remove(taken: _Taken) -> None:
    container = taken.container
    if isinstance(container, dict):
        container.pop(taken.key, None)
    elif isinstance(container, set):
        container.discard(taken.value)
    elif taken.place < len(container):
        del container[taken.place]


def _replace(container: Any, doubles: dict[int, tuple[Any, Any]]) -> None:
    if isinstance(container, dict):
        if any(id(value) in doubles or id(key) in doubles for key, value in container.items()):
            items = [(_kept(key, doubles), _kept(value, doubles)) for key, value in container.items()]
            container.clear()
            container.update(items)
    elif isinstance(container, set):
        for each in [each for each in container if id(each) in doubles]:
            container.discard(each)
            container.add(_kept(each, doubles))
    else:
        _replace_in_order(container, doubles)


def _replace_in_order(container: Any, doubles: dict[int, tuple[Any, Any]]) -> None:
    places = [place for place, each in enumerate(container) if id(each) in doubles]
    there = {id(each) for each in container}
    for place in reversed(places):
        kept = _kept(container[place], doubles)
        if id(kept) in there:  # it was registered before, and that entry was not known to be this statement's
            del container[place]
        else:
            container[place] = kept


def _kept(value: Any, doubles: dict[int, tuple[Any, Any]]) -> Any:
    found = doubles.get(id(value))
    return value if found is None else found[1]


def _put_back(taken: _Taken) -> None:
    """Move what was registered again to where it was."""
    move: Callable[[_Taken], None] = _move_key if isinstance(taken.container, dict) else _move_entry
    if not isinstance(taken.container, set):
        move(taken)


def _move_entry(taken: _Taken) -> None:
    container = taken.container
    same = (place for place in reversed(range(len(container))) if _same(container[place], taken.value))
    now = next(same, None)
    if now is not None and now > taken.place:
        del container[now]
        container.insert(taken.place, taken.value)


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is str and one == other)


def _move_key(taken: _Taken) -> None:
    container = taken.container
    if taken.key not in container or list(container).index(taken.key) <= taken.place:
        return
    items = [(key, value) for key, value in container.items() if key != taken.key]
    items.insert(taken.place, (taken.key, container[taken.key]))
    container.clear()
    container.update(items)
