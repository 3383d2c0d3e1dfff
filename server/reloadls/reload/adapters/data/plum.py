"""plum: bodies of overloads are reloaded; overloads that an edit adds, removes or declares otherwise need a restart."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, ClassVar

from reloadls.reload.engine.adapting import Adapter, Places
from reloadls.reload.engine.objects.classes import CantBeLive
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.undo import Undo

__all__ = ["PlumAdapter"]


class PlumAdapter(Adapter):
    """Functions that dispatch by types: they forget no overload, and compiled ones can't be looked into."""

    library: ClassVar[str] = "plum._function"

    def __init__(self) -> None:
        self._before: list[tuple[Any, list[Any]]] = []
        """The functions, and their overloads before any statement ran."""

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Remember the overloads."""
        undo.add(self._restore)
        self._before = [(each, _overloads(each)) for each in list(getattr(self._kind(), "_instances", ()))]

    def _kind(self) -> Any:
        return sys.modules[self.library].Function

    def _restore(self) -> None:
        for function, overloads in self._before:
            if not _same(_overloads(function), overloads):
                function._pending, function._resolved = overloads, []
                function.clear_cache()
        self._before = []

    def forget(self, value: Any, undo: Undo) -> None:
        """Raise CantBeLive for a function of which a statement is gone or runs again: its overload would stay."""
        if is_a(value, self._kind()):
            raise CantBeLive(_reason(value))

    def after(self, undo: Undo, places: Places) -> None:
        """Raise CantBeLive for a function that has another overload."""
        for function, overloads in self._before:
            if not _same(_overloads(function), overloads):
                raise CantBeLive(_reason(function))
        self._before = []


def _overloads(function: Any) -> list[Any]:
    return [*function._resolved, *function._pending]


def _same(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return {id(each[0]) for each in one} == {id(each[0]) for each in other}


def _reason(function: Any) -> str:
    return f"an overload of {function.__name__} changed, and plum can't take one back"
