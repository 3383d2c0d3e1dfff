"""What is known of all objects of a class, found out once for each class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import ref

__all__ = ["ByClass"]

Known = TypeVar("Known")
_MOST = 4_096
"""Classes that are remembered."""


class ByClass(Generic[Known]):
    """Calls a function once for each class. Classes are told apart by identity: their metaclass is not asked.

    Args:
        find: what is to be known of a class.
    """

    def __init__(self, find: Callable[[type], Known]) -> None:
        self._find = find
        self._known: dict[int, tuple[ref[type], Known]] = {}

    def __call__(self, cls: type) -> Known:
        """Return what is known of a class."""
        found = self._known.get(id(cls))
        if found is None or found[0]() is not cls:
            if len(self._known) >= _MOST:
                self._known.clear()
            found = self._known[id(cls)] = ref(cls), self._find(cls)
        return found[1]
