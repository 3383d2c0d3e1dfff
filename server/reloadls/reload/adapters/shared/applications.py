"""Keep an application's identity when its statement makes a new one, since a server holds the old object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import MemberDescriptorType
from typing import Any

from reloadls.reload.engine.undo import MISSING, Undo

__all__ = ["Applications"]

_HELD = "_reloadls_held"

Take = Callable[[Any, Any], object]
Become = Callable[[Any, Any, Undo], object]


class Applications:
    """The applications that the program has names for.

    Args:
        are: returns whether a value is an application.
        take: called with the old and the new one, to carry over what outlives the statement.
        become: makes the old one equal the new one, if not by sharing attributes.
    """

    def __init__(self, are: Callable[[Any], bool], take: Take, become: Become | None = None) -> None:
        self._are = are
        self._take = take
        self._how = become or self.become
        self._spaces: Sequence[dict[str, Any]] = ()
        self._named: list[tuple[dict[str, Any], str, Any]] = []

    @property
    def remembers(self) -> bool:
        """Whether statements are running."""
        return bool(self._spaces)

    def remember(self, namespaces: Sequence[dict[str, Any]]) -> None:
        """Remember the applications before any statement runs."""
        self._spaces = namespaces
        self._named = [
            (space, name, value) for space in namespaces for name, value in list(space.items()) if self._are(value)
        ]

    def named(self) -> list[Any]:
        """Return the applications that the program had names for before any statement ran."""
        return [value for _, _, value in self._named]

    def settle(self, undo: Undo) -> list[tuple[Any, Any]]:
        """Update each old application from the new one, and rebind its names to the old one.

        Returns:
            (old, new) for each application that was replaced.
        """
        done: dict[int, tuple[Any, Any]] = {}
        for space, name, old in self._named:
            new = space.get(name)
            if new is not old and type(new) is type(old) and id(new) not in done and not self._lives(old):
                self._how(old, new, undo)
                done[id(new)] = (old, new)
        if done:
            self._put_back(done)
        self._spaces, self._named = (), []
        return list(done.values())

    def _lives(self, old: Any) -> bool:
        """Return whether another name still refers to it, so that the new one is an additional application."""
        return any(value is old for space in self._spaces for value in space.values() if self._are(value)) and not any(
            space.get(name) is not old for space, name, value in self._named if value is old
        )

    def become(self, old: Any, new: Any, undo: Undo) -> None:
        """Have both objects share their attributes: closures that hold the new one then see the same as the server."""
        self._take(old, new)
        _copy_slots(old, new, undo)
        if hasattr(old, "__dict__"):
            undo.add(partial(object.__setattr__, old, "__dict__", vars(old)))
            # A new dictionary: Python 3.13.0 to 3.13.2 lose the content of one whose object has inline values
            # (https://github.com/python/cpython/issues/130327).
            shared = dict(vars(new))
            shared.setdefault(_HELD, []).append(new)  # keeps weak references from its closures alive
            for each in (new, old):
                object.__setattr__(each, "__dict__", shared)

    def _put_back(self, done: dict[int, tuple[Any, Any]]) -> None:
        for space in self._spaces:
            for name, value in list(space.items()):
                if id(value) in done:
                    space[name] = done[id(value)][0]


def _copy_slots(old: Any, new: Any, undo: Undo) -> None:
    for slot in [each for cls in type(old).__mro__ for each in vars(cls).values()]:
        if isinstance(slot, MemberDescriptorType):
            before, value = _slot(slot, old), _slot(slot, new)
            if before is not value:
                undo.add(partial(_put_slot, slot, old, before))
                _put_slot(slot, old, value)


def _slot(slot: MemberDescriptorType, owner: Any) -> Any:
    try:
        return slot.__get__(owner)
    except AttributeError:
        return MISSING


def _put_slot(slot: MemberDescriptorType, owner: Any, value: Any) -> None:
    if value is MISSING:
        slot.__delete__(owner)
    else:
        slot.__set__(owner, value)
