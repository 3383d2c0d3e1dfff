"""Record which statement registered what with a library, so that it can be removed before the statement runs again.

A library keeps registrations in lists and dictionaries of an *owner*: an application, a router, a group of commands.
The owner's containers are compared before and after each registering call. The difference belongs to the top-level
statement that made the call, directly or through functions.
"""

from __future__ import annotations

import functools
import itertools
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any
from weakref import WeakValueDictionary, ref

from reloadls.reload.engine.analysis.codes import is_module_body
from reloadls.reload.engine.program.effects import Effect, Recorder

__all__ = [
    "MISSING",
    "Entry",
    "Key",
    "Register",
    "Registration",
    "OwnedContainer",
    "caller",
    "key_of",
    "restored_from_copies",
    "containers_in",
]

MISSING: Any = object()
"""Stands for a missing key."""

Container = Any

Key = tuple[int, int]
"""The identities of a container and of a value in it."""
OwnedContainer = tuple[Container, frozenset[str] | None]
"""A container of an owner, and which keys of a dictionary count; None for all."""


def key_of(container: Container, value: Any) -> Key:
    """Return the key of an entry."""
    return id(container), id(value)


@dataclass(eq=False)
class Entry:
    """A value in a container that is not itself a container."""

    container: Container
    key: Any
    """None in a list."""
    value: Any
    before: Any = MISSING
    """The value it replaced in a dictionary."""


@dataclass(eq=False)
class Registration:
    """What one call registered, and where the call was made."""

    owner: Any
    module: str
    line: int
    """The line at the time of the call."""
    again: Callable[[], object]
    """Repeats the call."""
    given: tuple[Any, ...] = ()
    """The positional arguments."""
    named: dict[str, Any] = field(default_factory=dict)
    """The keyword arguments."""
    entries: list[Entry] = field(default_factory=list)
    effect: Effect | None = None
    number: int = 0
    """A running number of calls."""

    def all_given(self) -> tuple[Any, ...]:
        """Return all arguments."""
        return (*self.given, *self.named.values())

    def take_back(self) -> None:
        """Remove the entries from their containers."""
        for entry in reversed(self.entries):
            _take_out(entry)
        self.entries = []


def _is_there(entry: Entry, value: Any) -> bool:
    """Return whether the value stands in the entry's place."""
    if isinstance(entry.container, dict):
        return entry.container.get(entry.key, MISSING) is value
    return any(each is value for each in entry.container)


def _take_out(entry: Entry) -> None:
    container = entry.container
    if isinstance(container, dict):
        if container.get(entry.key, MISSING) is not entry.value:
            return
        if entry.before is MISSING:
            del container[entry.key]
        else:
            container[entry.key] = entry.before
        return
    for index in reversed(range(len(container))):
        if container[index] is entry.value:
            del container[index]
            return


def containers_in(owner: Any, names: Iterable[str], attributes: Iterable[str] = ()) -> Iterator[OwnedContainer]:
    """Yield an owner's containers in these attributes, and its namespace for attributes that are entries themselves."""
    own = vars(owner)
    for name in names:
        found = own.get(name)
        if isinstance(found, (list, dict)):
            yield found, None
    kept = frozenset(attributes)
    if kept:
        yield own, kept


def _leaves(container: Container, keys: frozenset[str] | None, depth: int = 4) -> Iterator[Entry]:
    items: list[tuple[Any, Any]]
    if isinstance(container, dict):
        items = [(key, value) for key, value in container.items() if keys is None or key in keys]
    else:
        items = [(None, value) for value in container]
    for key, value in items:
        if type(value).__name__ in _PLAIN and isinstance(value, (list, dict)) and depth:
            yield from _leaves(value, None, depth - 1)
        else:
            yield Entry(container, key, value)


_PLAIN = frozenset({"list", "dict", "defaultdict", "OrderedDict"})


class _Call:
    """Compares an owner's containers before and after one call."""

    def __init__(self, containers: Callable[[Any], Iterable[OwnedContainer]], owner: Any) -> None:
        self._containers = containers
        self._owner = owner
        self._seen: set[int] = set()
        self._before: list[Entry] = []
        self.see_new_containers()

    def see_new_containers(self) -> None:
        """Record the content of containers that did not exist before; it belongs to no call."""
        for container, keys in self._containers(self._owner):
            if id(container) not in self._seen:
                self._seen.add(id(container))
                self._before.extend(_leaves(container, keys))

    def new_entries(self) -> list[Entry]:
        """Return the entries added since."""
        there = {(id(each.container), each.key, id(each.value)) for each in self._before}
        displaced = {(id(each.container), each.key): each.value for each in self._before if each.key is not None}
        containers = [
            (container, keys) for container, keys in self._containers(self._owner) if id(container) in self._seen
        ]
        found = []
        for each in (entry for container, keys in containers for entry in _leaves(container, keys)):
            if (id(each.container), each.key, id(each.value)) not in there:
                each.before = displaced.get((id(each.container), each.key), MISSING)
                found.append(each)
        return found


class Register:
    """All registrations with the owners of one library.

    Args:
        containers: returns the containers of an owner.
    """

    def __init__(self, containers: Callable[[Any], Iterable[OwnedContainer]]) -> None:
        self._containers = containers
        self._owners: dict[int, ref[Any]] = {}
        self._busy = threading.local()
        self._count = itertools.count()
        self._unowned: list[Registration] | None = None
        self.known: WeakValueDictionary[Key, Registration] = WeakValueDictionary()
        """Each entry → its registration, while a statement owns that."""

    def wrap(self, cls: type, *names: str, decorators: bool = False) -> None:
        """Record calls of these methods.

        Args:
            cls: the class of owners.
            *names: its methods.
            decorators: the methods return a decorator, which does the registering.
        """
        for name in names:
            plain = vars(cls).get(name)
            if plain is not None and not hasattr(plain, "__reloadls_register__"):
                setattr(cls, name, self._noting(plain, decorators))

    def _noting(self, plain: Callable[..., Any], decorators: bool) -> Callable[..., Any]:
        @functools.wraps(plain)
        def call(owner: Any, *args: Any, **kwargs: Any) -> Any:
            made = self._call(owner, functools.partial(plain, owner, *args, **kwargs), args, kwargs)
            if not decorators or not callable(made):
                return made

            @functools.wraps(made)
            def decorate(function: Any) -> Any:
                return self._call(owner, functools.partial(made, function), args, kwargs)

            return decorate

        call.__reloadls_register__ = True  # type: ignore[attr-defined]
        return call

    def _call(self, owner: Any, plain: Callable[[], Any], given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        outer = self._calls().get(id(owner))
        if outer is not None:
            outer.see_new_containers()
            return plain()
        self.add(owner)
        call = self._calls()[id(owner)] = _Call(self._containers, owner)
        try:
            return plain()
        finally:
            del self._calls()[id(owner)]
            self._note(Registration(owner, *caller(), plain, given, named, call.new_entries()))

    def _calls(self) -> dict[int, _Call]:
        """Return this thread's calls in progress, by owner."""
        calls: dict[int, _Call] = self._busy.__dict__.setdefault("calls", {})
        return calls

    def _note(self, registration: Registration) -> None:
        registration.number = next(self._count)
        registration.effect = Effect(lambda: self.take_back(registration), restored_from_copies)
        if registration.entries and Recorder.note(registration.effect):
            self._track(registration)
        elif registration.entries and self._unowned is not None:
            registration.effect = None
            self._unowned.append(registration)
            self._track(registration)

    @contextmanager
    def keeping(self) -> Iterator[list[Registration]]:
        """Also record registrations made outside of statements, while the yielded list is alive."""
        found: list[Registration] = []
        self._unowned = found
        try:
            yield found
        finally:
            self._unowned = None

    def disown(self, owner: Any) -> None:
        """Forget an owner's registrations; the entries stay."""
        for key, registration in list(self.known.items()):
            if registration.owner is owner:
                self.known.pop(key, None)

    def _track(self, registration: Registration) -> None:
        self.known.update((key_of(entry.container, entry.value), registration) for entry in registration.entries)

    def _entries(self, owner: Any) -> Iterator[Entry]:
        for container, keys in self._containers(owner):
            yield from _leaves(container, keys)

    def follow(self, kept: dict[int, Any]) -> None:
        """Correct entries whose double the engine has replaced in their container.

        Args:
            kept: id of a double → the object that is kept instead.
        """
        for registration in dict.fromkeys(self.known.values()):
            for entry in registration.entries:
                value = kept.get(id(entry.value), MISSING)
                if value is not MISSING and _is_there(entry, value) and not _is_there(entry, entry.value):
                    self.known.pop(key_of(entry.container, entry.value), None)
                    entry.value = value
                    self.known[key_of(entry.container, value)] = registration

    def take_back(self, registration: Registration) -> None:
        """Remove a registration's entries from its owner."""
        for entry in registration.entries:
            self.known.pop(key_of(entry.container, entry.value), None)
        registration.take_back()

    def in_order(self, places: Callable[[Effect], tuple[str, int] | None]) -> list[Registration]:
        """Return all registrations, those of one module in the order of the file."""

        def index(each: Registration) -> tuple[tuple[str, int], int]:
            return (each.effect and places(each.effect)) or (each.module, each.line), each.number

        return sorted(dict.fromkeys(self.known.values()), key=index)

    def make_again(self, registrations: Iterable[Registration]) -> None:
        """Remove registrations and repeat their calls; the same statements own them."""
        registrations = list(registrations)
        for each in registrations:
            self.take_back(each)
        for each in registrations:
            call = self._calls()[id(each.owner)] = _Call(self._containers, each.owner)
            try:
                each.again()
            finally:
                del self._calls()[id(each.owner)]
            each.entries = call.new_entries()
            self._track(each)

    def add(self, owner: Any) -> None:
        """Record an owner."""
        if id(owner) not in self._owners:
            key = id(owner)
            self._owners[key] = ref(owner, lambda _: self._owners.pop(key, None))

    def forget_owners(self) -> None:
        """Forget all owners until they are added or used again."""
        self._owners.clear()

    def owners(self) -> list[Any]:
        """Return the owners that are alive."""
        return [owner for each in list(self._owners.values()) if (owner := each()) is not None]

    def entries_of(self, owner: Any) -> list[Entry]:
        """Return everything registered with an owner."""
        return list(self._entries(owner))

    def containers_of(self, owner: Any) -> list[OwnedContainer]:
        """Return an owner's containers, including nested ones."""
        found: list[OwnedContainer] = []
        for container, keys in self._containers(owner):
            found.append((container, keys))
            found.extend((each, None) for each in _inside(container, keys))
        return found


def _inside(container: Container, keys: frozenset[str] | None, depth: int = 4) -> Iterator[Container]:
    if isinstance(container, dict):
        values = [value for key, value in container.items() if keys is None or key in keys]
    else:
        values = list(container)
    for each in values if depth else ():
        if type(each).__name__ in _PLAIN and isinstance(each, (list, dict)):
            yield each
            yield from _inside(each, None, depth - 1)


def restored_from_copies() -> None:
    """Nothing to do: a failed reload restores all entries from the copies that the adapter made before."""


def caller() -> tuple[str, int]:
    """Return the module and line of the running top-level statement."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if is_module_body(frame.f_code):
            return str(frame.f_globals.get("__name__")), frame.f_lineno
        frame = frame.f_back
    return "", 0
