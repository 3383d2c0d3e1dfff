"""A container that is made anew while the running program has changed the one before: bring both together."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any

from reloadls.reload.engine.objects.changes import Change
from reloadls.reload.engine.objects.containers import entries, is_a
from reloadls.reload.engine.objects.values import copy_of
from reloadls.reload.engine.undo import MISSING

__all__ = ["Merging"]

_Copy = tuple[Any, Any]


class Merging:
    """What a container should hold that was made once, has been changed since, and would be made otherwise now."""

    def __init__(self) -> None:
        self.contents: list[tuple[Any, list[Any]]] = []
        """Containers, the given one and those within it, and their entries: of a dictionary, its pairs."""
        self.factories: list[tuple[defaultdict[Any, Any], Any]] = []
        """Those of them that make missing values, and what they make them by now."""
        self.is_complete = True
        """All that was made and all that was changed is in them; else some of what is made now is not."""

    def merge(self, made: _Copy, now: Any, new: Any) -> bool:
        """Bring both together.

        Args:
            made: what it was made as, by `copy_of`.
            now: the container.
            new: one of the same type, as it is made now.

        Returns:
            False if nothing was done: the two are of different types, or what is made now holds more than plain data.
        """
        kind, parts = made
        if not (type(now) is type(new) is kind) or copy_of(new) is MISSING:
            return False
        if kind is deque and now.maxlen != new.maxlen:
            return False
        if kind is defaultdict:
            self.factories.append((now, new.default_factory))
        if is_a(now, dict):
            self.contents.append((now, self._pairs(parts, now, new)))
        elif is_a(now, set):
            self.contents.append((now, _members(parts, now, new)))
        elif is_a(now, (list, deque)):
            self.contents.append((now, self._rows(parts, entries(now), entries(new))))
        else:
            return False
        return True

    @staticmethod
    def keep_added(now: Any, new: Any, made: _Copy, later: Iterable[Change]) -> None:
        """Give a new dictionary the entries that only the running program has put into the one before.

        Args:
            now: the one before.
            new: the new one.
            made: what the one before was made as, by `copy_of`.
            later: what statements have changed in it, which run again.
        """
        known = {key for change in later if change.owner is now for _, (key, _) in change.added}
        for key, value in entries(now):
            if key not in new and key not in known and copy_of(key) not in made[1][::2]:
                dict.__setitem__(new, key, value)

    def _pairs(self, made: tuple[_Copy, ...], now: Any, new: Any) -> list[Any]:
        was = dict(zip(made[::2], made[1::2], strict=True))
        found = dict(entries(new))
        for key, value in entries(now):
            before = was.pop(copy_of(key), None)
            if before is None:  # the program has put it in
                self.is_complete = self.is_complete and key not in found
                found[key] = value
            elif key in found and before != copy_of(value):
                if not self.merge(before, value, found[key]):
                    self.is_complete = self.is_complete and before == copy_of(found[key])
                found[key] = value
        for key, value in entries(new):
            if was.get(copy_of(key)) == copy_of(value):
                del found[key]  # the program has taken it out
        return list(found.items())

    def _rows(self, made: tuple[_Copy, ...], now: list[Any], new: list[Any]) -> list[Any]:
        if [copy_of(each) for each in now[: len(made)]] == list(made):
            return [*new, *now[len(made) :]]
        self.is_complete = self.is_complete and [copy_of(each) for each in new] == list(made)
        return now


def _members(made: frozenset[_Copy], now: set[Any], new: set[Any]) -> list[Any]:
    held = {copy_of(each) for each in now}
    kept = [each for each in new if copy_of(each) in held or copy_of(each) not in made]
    return [*kept, *(each for each in now if copy_of(each) not in made and each not in new)]
