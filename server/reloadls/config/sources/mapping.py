"""Values from the program itself."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from reloadls.config.source import OwnSource, Part

__all__ = ["MappingSource"]


class MappingSource(OwnSource):
    """A mapping: defaults as the first source, or what a command line or a test sets as the last.

    Args:
        values: the values, nested; copied.
        name: shown in reports.
    """

    required = False
    paths: tuple[str, ...] = ()

    def __init__(self, values: Mapping[str, Any] | None = None, *, name: str = "mapping") -> None:
        self.name = name
        self._values: Mapping[str, Any] = copy.deepcopy(dict(values or {}))
        self._listeners: list[Callable[[], object]] = []

    def __repr__(self) -> str:
        return f"MappingSource(name={self.name!r})"

    def read(self) -> Part:
        """See `LocalSource.read`."""
        return Part(copy.deepcopy(dict(self._values)))

    def replace(self, values: Mapping[str, Any]) -> None:
        """Hold other values from now on; configurations apply them at once. On any thread."""
        self._values = copy.deepcopy(dict(values))
        for listener in list(self._listeners):
            listener()

    def subscribe(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Have `listener` called when the values were replaced. Returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None
