"""A container that is made anew while the running program has changed the one before: bring both together."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from reloadls.reload.engine.objects.changes import Change, set_slot, state_of
from reloadls.reload.engine.objects.containers import CONTAINERS, entries, is_a, refill, same_entries
from reloadls.reload.engine.objects.values import OPEN, Owns, Same, copy_of
from reloadls.reload.engine.undo import MISSING, Undo

__all__ = ["Merging"]

_Copy = tuple[Any, Any]


class Merging:
    """What a container should hold that was made once, has been changed since, and would be made otherwise now."""

    def __init__(self, owns: Owns) -> None:
        self._owns = owns
        self.contents: list[tuple[Any, list[Any]]] = []
        """Containers and objects, the given one and those within it, and their entries: of a dictionary, its pairs."""
        self.factories: list[tuple[Any, Any]] = []
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
        if kind is Same and isinstance(parts, int):
            return True  # one of the objects around it
        if self._copy(new) is MISSING or type(now) is not type(new) or kind not in (type(now), Same):
            return False
        if kind is Same:
            return _is_of_class(made, now) and self._merge_attributes(parts, now, new)
        if is_a(now, dict):
            if kind is defaultdict:
                self.factories.append((now, new.default_factory))
            self.contents.append((now, self._pairs(parts, entries(now), entries(new))))
        elif is_a(now, set):
            self.contents.append((now, self._members(parts, now, new)))
        elif is_a(now, list) or (is_a(now, deque) and now.maxlen == new.maxlen):
            self.contents.append((now, self._rows(parts, entries(now), entries(new))))
        else:
            return False
        return True

    def _merge_attributes(self, made: Any, now: Any, new: Any) -> bool:
        states = [state_of(each) for each in (now, new)]
        content = self._pairs(made[1:], *(list((state or {}).items()) for state in states))
        self.contents.append((now, content))
        return True

    def apply(self, undo: Undo) -> bool:
        """Have all of them hold that. Returns whether anything is another."""
        for each, factory in self.factories:
            undo.set_attribute(each, "default_factory", factory)
        differs = False
        for owner, content in self.contents:
            if is_a(owner, CONTAINERS):
                before = entries(owner)
                if not same_entries(before, content, pairs=is_a(owner, dict)):
                    undo.add(partial(refill, owner, before))
                    refill(owner, content)
                    differs = True
                continue
            was, now = state_of(owner) or {}, dict(content)
            for name in {**was, **now}:
                if was.get(name, MISSING) is not now.get(name, MISSING):
                    undo.add(partial(set_slot, owner, name, was.get(name, MISSING), attributes=True))
                    set_slot(owner, name, now.get(name, MISSING), attributes=True)
                    differs = True
        return differs

    def _copy(self, value: Any) -> Any:
        return copy_of(value, self._owns)

    def keep_added(self, now: Any, new: Any, made: _Copy, later: Iterable[Change]) -> None:
        """Give a new container what only the running program has put into the one before, or changed there.

        Args:
            now: the one before.
            new: the new one, of the same type.
            made: what the one before was made as, by `copy_of`.
            later: what statements have changed in it, which run again.
        """
        given = [pair for change in later if change.owner is now for pair in change.given()]
        known = {key for key, _ in given}
        if is_a(now, dict):
            for key, value in self._kept_pairs(made[1], entries(now), entries(new), known):
                dict.__setitem__(new, key, value)
        elif is_a(now, (list, deque)):
            self._keep_rows(now, new, made, [id(each) for _, each in given])
        elif _is_of_class(made, new):
            before, after = (list((state_of(each) or {}).items()) for each in (now, new))
            for key, value in self._kept_pairs(made[1][1:], before, after, known):
                set_slot(new, key, value, attributes=True)

    def _kept_pairs(
        self, made: tuple[_Copy, ...], now: list[Any], new: list[Any], known: set[Any]
    ) -> Iterator[tuple[Any, Any]]:
        was, found = dict(zip(made[::2], made[1::2], strict=True)), dict(new)
        for key, value in now:
            before = was.get(self._copy(key))
            is_added = before is None and key not in found
            if key not in known and (is_added or (key in found and self._copy(found[key]) == before)):
                yield key, value

    def _keep_rows(self, now: Any, new: Any, made: _Copy, known: list[int]) -> None:
        rows, content, copies = entries(now), entries(new), list(made[1])
        if len(rows) >= len(copies) and all(map(self._may_be, rows, copies)):
            for at, (each, copy) in enumerate(zip(content, copies, strict=False)):
                content[at] = rows[at] if self._copy(each) == copy else each
            rows, copies = rows[len(copies) :], []
        for each in rows:
            if id(each) in known:
                known.remove(id(each))
            elif (copy := self._copy(each)) in copies:
                copies.remove(copy)
            else:
                content.append(each)
        refill(new, content)

    def _pairs(self, made: tuple[_Copy, ...], now: list[Any], new: list[Any]) -> list[Any]:
        was = dict(zip(made[::2], made[1::2], strict=True))
        found = dict(new)
        for key, value in now:
            before = was.pop(self._copy(key), None)
            if before is None:  # the program has put it in
                self.is_complete = self.is_complete and key not in found
                found[key] = value
            elif key not in found:
                continue  # it is made no more
            elif self._copy(found[key]) == before or self.merge(before, value, found[key]):
                found[key] = value
            elif before != self._copy(value):
                self.is_complete = False
                found[key] = value
        for key, value in new:
            if was.get(self._copy(key)) == self._copy(value):
                del found[key]  # the program has taken it out
        return list(found.items())

    def _rows(self, made: tuple[_Copy, ...], now: list[Any], new: list[Any]) -> list[Any]:
        """The new entries, of which those made as before stay as they are, and what the program has added."""
        copies = [self._copy(each) for each in new]
        if not all(map(self._may_be, now[: len(made)], made)) or len(now) < len(made):
            self.is_complete = self.is_complete and copies == list(made)
            return now
        left = list(zip(made, now, strict=False))
        found = []
        for at, (each, copy) in enumerate(zip(new, copies, strict=True)):
            same = next((pair for pair in left if pair[0] == copy), None)
            if same is not None:
                left.remove(same)
                found.append(same[1])
            else:
                alike = len(made) == len(new) and self.merge(made[at], now[at], each)
                found.append(now[at] if alike else each)
        return [*found, *now[len(made) :]]

    def _may_be(self, value: Any, made: _Copy) -> bool:
        """Whether a value may be what was made so, whatever the program has changed in it."""
        if made[0] in OPEN:
            return type(value) is made[0]
        return _is_of_class(made, value) or self._copy(value) == made

    def _members(self, made: frozenset[_Copy], now: set[Any], new: set[Any]) -> list[Any]:
        held = {self._copy(each) for each in now}
        kept = [each for each in new if self._copy(each) in held or self._copy(each) not in made]
        return [*kept, *(each for each in now if self._copy(each) not in made and each not in new)]


def _is_of_class(made: _Copy, value: Any) -> bool:
    """Whether a copy is that of an object of the same class, with its attributes."""
    kind, parts = made
    return kind is Same and isinstance(parts, tuple) and parts[0] == (type, Same(type(value)))
