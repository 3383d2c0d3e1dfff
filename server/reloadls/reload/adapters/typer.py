"""Typer: applications have the commands that the current statements add."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any, ClassVar

from reloadls.reload.engine.adapting import Places
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

from .shared.applications import Applications
from .shared.registering import Entry, OwnedContainer, containers_in
from .shared.registry import RegistryAdapter

__all__ = ["TyperAdapter"]


class TyperAdapter(RegistryAdapter):
    """Applications, including nested ones."""

    library: ClassVar[str] = "typer.main"

    def __init__(self) -> None:
        super().__init__()
        self._applications = Applications(_is_application, lambda _old, _new: None)
        when_loaded("typer.main", self._watch)

    def _watch(self, module: ModuleType) -> None:
        self.register.wrap(module.Typer, "command", "callback", decorators=True)
        self.register.wrap(module.Typer, "add_typer")

    def containers(self, owner: Any) -> Iterable[OwnedContainer]:
        """Commands, nested applications, and the callback that runs before a command."""
        return containers_in(owner, ("registered_commands", "registered_groups"), ("registered_callback",))

    def owners_in(self, value: Any) -> Iterable[Any]:
        """The value, if it is an application."""
        if _is_application(value):
            yield value

    def function_in(self, value: Any) -> Any:
        """The function that a command calls."""
        return getattr(value, "callback", None)

    def replace_in(self, entry: Entry, kept: Any, undo: Undo) -> None:
        """Call the program's own function."""
        entry.value.callback = kept

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Remember the applications."""
        super().before(undo, namespaces)
        self._applications.remember(namespaces)

    def after(self, undo: Undo, places: Places) -> None:
        """Update held applications from the ones that replaced them."""
        super().after(undo, places)
        self._applications.settle(undo)


def _is_application(value: Any) -> bool:
    return issubclass(type(value), sys.modules["typer.main"].Typer)
