"""injector: providers are reloaded; edits of what an injector reads when it is made are noted."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from types import FunctionType
from typing import Any, ClassVar

from reloadls.reload.engine.adapting import Adapter, Shortfall
from reloadls.reload.engine.undo import Undo

__all__ = ["InjectorAdapter"]


class InjectorAdapter(Adapter):
    """Modules, and functions that are given a binder."""

    library: ClassVar[str] = "injector"

    def __init__(self) -> None:
        self._shortfalls: dict[str, Shortfall] = {}

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Forget the notes if the commit fails."""
        undo.add(self._shortfalls.clear)

    def functions_changed(self, functions: Sequence[FunctionType], undo: Undo) -> None:
        """Note functions that bind."""
        undo.add(self._shortfalls.clear)
        for each in functions:
            code = each.__code__
            if "binder" in code.co_varnames[: code.co_argcount]:
                self._note(each.__qualname__, each)

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Note modules."""
        if issubclass(cls, sys.modules[self.library].Module):
            undo.add(self._shortfalls.clear)
            self._note(cls.__qualname__, cls)

    def _note(self, name: str, about: FunctionType | type) -> None:
        what = (
            f"{name} is read when an injector is made; those made before this edit keep their bindings until a restart"
        )
        self._shortfalls[name] = Shortfall(what, about=about)

    def notes(self) -> Iterable[Shortfall]:
        """Return the notes."""
        found = list(self._shortfalls.values())
        self._shortfalls.clear()
        return found
