"""What statements had put into containers and objects, and what the running program has made of it since."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

from reloadls.reload.engine.objects.changes import Change, state_of
from reloadls.reload.engine.objects.containers import CONTAINERS, entries, home_of, is_a, put_back, slot_name
from reloadls.reload.engine.objects.values import OPEN, Same, copy_of, is_immutable, same_value
from reloadls.reload.engine.program.modules import Modules
from reloadls.reload.engine.program.placing import changes_in
from reloadls.reload.engine.undo import MISSING, Undo

__all__ = ["Entry", "Former"]

_NO_HOLDERS = (type, FunctionType, ModuleType)


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One value that was put under a key, as an attribute, or into a list."""

    owner: Any
    value: Any
    """What was there when the statement was taken back."""
    made: Any
    """A copy of what the statement had put there, as it was made; MISSING for an object of which none can be made."""
    contents: tuple[tuple[Any, list[Any]], ...]
    """The containers that it is or has, and what was in them."""

    def put_back(self, undo: Undo) -> None:
        """Have them hold that again, of which taking the statement back has taken a part."""
        for container, content in self.contents:
            undo.add(partial(put_back, container, entries(container)))
            put_back(container, content)


class Former:
    """All of those in one commit."""

    def __init__(self) -> None:
        self._under: dict[tuple[int, object], Entry] = {}
        self._listed: list[Entry] = []
        self._moved: dict[int, tuple[Any, Any]] = {}

    def add(self, modules: Modules, change: Change) -> None:
        """What a statement of the program did is about to be taken back."""
        if change.whole is not None or not (given := change.given()):
            return
        if not change.attributes and not is_a(change.owner, dict):
            there = {id(each) for each in entries(change.owner)}
            for _, value in given:
                if id(value) in there and id(value) in change.made and _made(change, value) is not MISSING:
                    self._listed.append(_entry(change.owner, value, change.made[id(value)]))
            return
        pairs = (state_of(change.owner) or {}).items() if change.attributes else entries(change.owner)
        now = {slot_name(key): value for key, value in pairs}
        for key, value in given:
            made, found = _made(change, value), now.get(slot_name(key), MISSING)
            if found is MISSING or (found is not value and _is_of_another(modules, change, key, found)):
                continue  # what is gone may have been taken out in this commit
            if made is not MISSING or (_is_object(found) and modules.owns(home_of(type(found)))):
                self._under.setdefault((id(change.owner), slot_name(key)), _entry(change.owner, found, made))

    def clear(self) -> None:
        """Hold nothing of it any more."""
        self._under.clear()
        self._moved.clear()
        self._listed.clear()

    def moved(self, old: Any, new: Any) -> None:
        """Another container or object has taken the place of one: what was put into that is put into this."""
        self._moved[id(new)] = (new, old)

    def matching(self, change: Change) -> Iterator[tuple[Any, Any, Any, Entry]]:
        """What was put in the same places again: key, value, its copy or MISSING, and the entry from before.

        Of lists, only what is made as before.
        """
        owner = self._moved.get(id(change.owner), (None, change.owner))[1]
        for key, value in change.given() if self._under or self._listed else ():
            made = _made(change, value)
            if made is MISSING and not _is_object(value):
                continue
            if change.attributes or is_a(change.owner, dict):
                found = self._under.pop((id(owner), slot_name(key)), None)
            else:
                listed = (each for each in self._listed if each.owner is owner and each.made == made)
                found = next(listed, None)
                if found is not None:
                    self._listed.remove(found)
            if found is not None and found.value is not value:
                yield key, value, made, found


def _is_of_another(modules: Modules, change: Change, key: Any, value: Any) -> bool:
    """Whether it is not the running program, but another statement, that has put a value there."""
    others = (each for module in modules for each in changes_in(module) if each.owner is change.owner)
    pairs = (pair for each in others if each is not change for pair in each.given())
    return any(slot_name(name) == slot_name(key) and same_value(each, value) for name, each in pairs)


def _entry(owner: Any, value: Any, made: Any) -> Entry:
    held = (state_of(value) or {}).values() if gc.is_tracked(value) and not is_a(value, _NO_HOLDERS) else ()
    contents = ((each, entries(each)) for each in (value, *held) if is_a(each, CONTAINERS))
    return Entry(owner, value, made, tuple(contents))


def _is_object(value: Any) -> bool:
    """Whether a value is an object with attributes, which may have state."""
    return not is_a(value, (*_NO_HOLDERS, *CONTAINERS, tuple, frozenset)) and state_of(value) is not None


def _is_registry(made: Any) -> bool:
    """Whether a copy is that of a container of functions or classes: what is in there is not the program's state."""
    kind, parts = made
    if kind is Same:
        return isinstance(parts, Same) and is_a(parts.now(), (FunctionType, type))
    return kind in (*OPEN, tuple, frozenset) and any(map(_is_registry, parts))


def _made(change: Change, value: Any) -> Any:
    if id(value) in change.made:
        return MISSING if _is_registry(change.made[id(value)]) else change.made[id(value)]
    copy = copy_of(value)
    return copy if copy is not MISSING and is_immutable(copy) else MISSING
