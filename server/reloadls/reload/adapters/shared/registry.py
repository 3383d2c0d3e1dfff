"""The base class for libraries that keep registrations in containers: each entry once, in the order of the files."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Sequence
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from reloadls.reload.engine.adapting import Adapter, Places
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.undo import Undo

from .ordering import Position, in_order
from .registering import MISSING, Entry, OwnedContainer, Register, Registration, key_of

__all__ = ["RegistryAdapter", "function_of", "put_all", "same_items"]

Saved = tuple[Any, list[Any]]
"""A list of the library, and its content before."""


class RegistryAdapter(Adapter):
    """Removes registrations before their statements run again, and puts new ones in the right order."""

    def __init__(self) -> None:
        self.register = Register(self.containers)
        self.lists: list[Saved] = []
        self.as_before: frozenset[int] = frozenset()
        """After a commit: the ids of the lists whose content is unchanged."""
        self.kept: dict[int, Any] = {}
        """id of a double → the object that is kept instead."""
        self._doubles: list[Any] = []
        self._runs = False

    # -- defined by each library

    def containers(self, owner: Any) -> Iterable[OwnedContainer]:
        """Return the containers of an owner."""
        raise NotImplementedError

    def owners_in(self, value: Any) -> Iterable[Any]:
        """Return the owners that a value is, or leads to."""
        raise NotImplementedError

    def function_in(self, value: Any) -> Any:
        """Return the function that an entry was registered for."""
        return value

    def goes_first(self, container: Any) -> bool:
        """Return whether new registrations go to the front."""
        return False

    def replace_in(self, entry: Entry, kept: Any, undo: Undo) -> None:
        """Replace a function's double with `kept` inside an entry."""

    # -- called by the engine

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Restore the containers on failure."""
        self._end()
        self._runs = True
        undo.add(self._end)
        for space in namespaces:
            for value in list(space.values()):
                for owner in self.owners_in(value):
                    self.register.add(owner)
        undo.add(partial(put_all, self.register.known, dict(self.register.known)))
        for registration in dict.fromkeys(self.register.known.values()):
            undo.add(partial(setattr, registration, "entries", list(registration.entries)))
        self.save(undo)

    def save(self, undo: Undo) -> None:
        """Register with `undo` the restoring of all containers."""
        for owner in self.register.owners():
            for container, keys in self.register.containers_of(owner):
                self._save(container, keys, undo)

    def _save(self, container: Any, keys: frozenset[str] | None, undo: Undo) -> None:
        if keys is not None:
            undo.add(partial(_put_keys, container, {key: container.get(key, MISSING) for key in keys}))
            return
        undo.add(partial(put_all, container, container.copy()))
        if isinstance(container, list):
            self.lists.append((container, list(container)))

    def _end(self) -> None:
        self.lists, self.kept, self._doubles, self._runs = [], {}, [], False

    def forget(self, value: Any, undo: Undo) -> None:
        """Remove entries by their function, for those registered before calls were recorded."""
        function = function_of(value)
        for entry in self._all_entries() if function is not None else ():
            noted = key_of(entry.container, entry.value) in self.register.known
            if not noted and function_of(self.function_in(entry.value)) is function:
                Registration(None, "", 0, _nothing, entries=[entry]).take_back()

    def _all_entries(self) -> Iterable[Entry]:
        for owner in self.register.owners():
            yield from self.register.entries_of(owner)

    def replaced(self, double: Any, kept: Any, undo: Undo) -> None:
        """Remember the replacement until all statements have run."""
        self.kept[id(double)] = kept
        self._doubles.append(double)  # keeps its id from being reused

    def after(self, undo: Undo, places: Places) -> None:
        """Order and correct what the statements registered."""
        if self.kept:
            self.register.follow(self.kept)
        if self._runs:
            self.put_in_order(undo, places)  # before calls that copy entries
            self.register_again(places)
        replace_in = self.put_kept(undo)
        self.put_in_order(undo, places)
        same = {id(container) for container, before in self.lists if same_items(container, before)}
        self.as_before = frozenset(same - replace_in)
        self._end()

    def close(self) -> None:
        """Forget the owners; libraries may hold them for ever, in caches."""
        self.register.forget_owners()

    def register_again(self, places: Places) -> None:
        """Repeat calls that copied entries which have changed since."""

    def put_kept(self, undo: Undo) -> set[int]:
        """Replace doubles with the objects that are kept; return the ids of the changed containers."""
        found = set()
        for entry in list(self._all_entries()) if self.kept else ():
            function = self.function_in(entry.value)
            if id(entry.value) in self.kept:
                self._exchange(entry)
            elif id(function) in self.kept:
                self.replace_in(entry, self.kept[id(function)], undo)
            else:
                continue
            found.add(id(entry.container))
        return found

    def _exchange(self, entry: Entry) -> None:
        kept = self.kept[id(entry.value)]
        registration = self.register.known.pop(key_of(entry.container, entry.value), None)
        key = entry.key if isinstance(entry.container, dict) else _index(entry.container, entry.value)
        entry.container[key] = kept
        if registration is not None:
            self.register.known[key_of(entry.container, kept)] = registration
            for each in registration.entries:
                if each.container is entry.container and each.value is entry.value:
                    each.value = kept

    def put_in_order(self, undo: Undo, places: Places) -> None:
        """Order entries like their statements."""
        if not self._runs:  # a function may have moved without a statement running
            for owner in self.register.owners():
                lists = [each for each, keys in self.register.containers_of(owner) if keys is None]
                self.lists += [(each, list(each)) for each in lists if isinstance(each, list)]
        for container, before in self.lists:
            ordered = self._ordered(container, before, places)
            if not same_items(ordered, container):
                if not self._runs:
                    undo.add(partial(put_all, container, before))
                container[:] = ordered

    def _ordered(self, container: list[Any], before: list[Any], places: Places) -> list[Any]:
        position = partial(self._position, container, {id(each) for each in before}, places)
        if self.goes_first(container):
            return in_order(before[::-1], container[::-1], position, self._module_of)[::-1]
        return in_order(before, container, position, self._module_of)

    def _position(self, container: Any, before: set[int], places: Places, value: Any) -> Position | None:
        registration = self.register.known.get(key_of(container, value))
        if registration is not None and registration.effect is not None:
            return places(registration.effect)
        function = function_of(self.function_in(value))
        if function is not None and (registration is None or registration.module == function.__module__):
            return function.__module__, function.__code__.co_firstlineno
        if registration is not None and id(value) not in before:
            return registration.module, registration.line
        return None

    def _module_of(self, value: Any) -> str | None:
        function = function_of(self.function_in(value))
        return None if function is None else function.__module__


def function_of(value: Any) -> FunctionType | None:
    """Return the function behind a callable."""
    for _ in range(10):
        if is_a(value, FunctionType):
            function: FunctionType = value
            inner = vars(function).get("__wrapped__")
            if inner is None:
                return function
            value = inner
        elif is_a(value, (MethodType, staticmethod, classmethod)):
            value = value.__func__
        elif is_a(value, functools.partial):
            value = value.func
        elif is_a(value, type):
            return None
        else:
            value = inspect.getattr_static(value, "callback", None) or inspect.getattr_static(
                value, "__wrapped__", None
            )
    return None


def _nothing() -> None:
    """Stands for an unknown call."""


def same_items(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Return whether two sequences have the same objects in the same order."""
    return [id(each) for each in one] == [id(each) for each in other]


def _index(container: list[Any], value: Any) -> int:
    return next(index for index, each in enumerate(container) if each is value)


def put_all(container: Any, saved: Any) -> None:
    """Replace the content of a list or dictionary in place."""
    if isinstance(container, list):
        container[:] = saved
    else:
        container.clear()
        container.update(saved)


def _put_keys(container: dict[str, Any], saved: dict[str, Any]) -> None:
    for key, value in saved.items():
        if value is MISSING:
            container.pop(key, None)
        else:
            container[key] = value
