"""Find what statements have put into the program's containers, take it out, and put it back at the same place.

A statement that is run again registers again, so that its old registration goes first. What it made stays the same
object (see `adopt`), so that the double is replaced by it wherever the double was put.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from reloadls.reload.engine.objects.changes import Change
from reloadls.reload.engine.objects.containers import CONTAINERS, entries, is_a, length, put_back, refill
from reloadls.reload.engine.objects.reach import LONGEST, reach
from reloadls.reload.engine.objects.values import stands_for
from reloadls.reload.engine.undo import Undo

from .doubles import replace_everywhere

__all__ = ["Registrations"]

_MOST = 20_000


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
        self._restores = False

    def restore_with(self, undo: Undo) -> None:
        """Have all containers hold what they hold now when the commit is taken back."""
        if self._restores:
            return
        self._restores = True
        for container in self._containers():
            undo.add(partial(put_back, container, entries(container)))

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
        kept = self.stands_for(kept)  # of a statement that has run twice
        self._doubles[id(double)] = (double, kept)
        stands_for(double, kept)

    def stands_for(self, value: Any) -> Any:
        """What is to stand at the end where a value stands now."""
        return self._doubles[id(value)][1] if id(value) in self._doubles else value

    def settle(self, given: Iterable[Change]) -> None:
        """Put what was registered again where it was before, without doubles.

        Args:
            given: what statements have changed, which are to know what stands for the doubles.
        """
        if self._doubles:
            given = list(given)
            replace_everywhere(self._containers(), given, self._own, self._doubles)
            for change in given:
                change.replace(self._doubles)
            for double, kept in self._doubles.values():
                stands_for(double, kept)
        for taken in reversed(self._taken):
            _put_back(taken)
        self._doubles, self._taken = {}, []

    def _containers(self, starts: Iterable[Any] | None = None, attributes: set[int] | None = None) -> list[Any]:
        if starts is None:
            starts = [value for space in self._namespaces for value in list(space.values())]
        found = reach(starts, self._own, most=_MOST, attributes=attributes)
        return [each for each in found if is_a(each, CONTAINERS) and length(each) <= LONGEST]


def _entries(container: Any, wanted: dict[int, Any], names: Collection[str]) -> list[_Taken]:
    def is_wanted(value: Any) -> bool:
        return id(value) in wanted or (type(value) is str and value in names)

    content = enumerate(entries(container))
    if is_a(container, dict):
        return [
            _Taken(container, place, key, value)
            for place, (key, value) in content
            if is_wanted(value) or is_wanted(key)
        ]
    return [_Taken(container, place, None, each) for place, each in content if is_wanted(each)]


def _remove(taken: _Taken) -> None:
    content = entries(taken.container)
    if is_a(taken.container, dict):
        left = [pair for pair in content if pair[0] is not taken.key]
    elif is_a(taken.container, set):
        left = [each for each in content if each is not taken.value]
    else:
        left = content[: taken.place] + content[taken.place + 1 :]
    if len(left) < len(content):
        refill(taken.container, left)


def _put_back(taken: _Taken) -> None:
    """Move what was registered again to where it was."""
    content = entries(taken.container)
    if is_a(taken.container, dict):
        places = [place for place, (key, _) in enumerate(content) if key is taken.key]
    elif is_a(taken.container, set):
        return
    else:
        places = [place for place, each in enumerate(content) if _same(each, taken.value)]
    if places and places[-1] > taken.place:
        moving = content.pop(places[-1])
        content.insert(taken.place, moving)
        refill(taken.container, content)


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) is str and one == other)
