"""Click: groups have the commands that the current statements add, and commands keep their identity."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any, ClassVar

from reloadls.reload.engine.adapting import Places
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

from .shared.applications import Applications
from .shared.registering import OwnedContainer, containers_in
from .shared.registry import RegistryAdapter

__all__ = ["ClickAdapter"]


class ClickAdapter(RegistryAdapter):
    """Groups of commands."""

    library: ClassVar[str] = "click.core"

    def __init__(self) -> None:
        super().__init__()
        self._applications = Applications(_is_command, lambda _old, _new: None)
        when_loaded("click.core", self._watch)

    def _watch(self, module: ModuleType) -> None:
        self.register.wrap(module.Group, "add_command")

    def containers(self, owner: Any) -> Iterable[OwnedContainer]:
        """The commands of a group."""
        return containers_in(owner, ("commands",))

    def owners_in(self, value: Any) -> Iterable[Any]:
        """A group, and the groups in it."""
        if _is_command(value) and "commands" in vars(value):
            yield value
            for each in list(value.commands.values()):
                yield from self.owners_in(each)

    def function_in(self, value: Any) -> Any:
        """The function that a command calls."""
        return getattr(value, "callback", None)

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Remember the commands that the program has names for."""
        super().before(undo, namespaces)
        self._applications.remember(namespaces)

    def after(self, undo: Undo, places: Places) -> None:
        """Update held commands from the ones that replaced them."""
        super().after(undo, places)
        for old, new in self._applications.settle(undo):
            self.replaced(new, old, undo)
        self.put_kept(undo)
        self.kept = {}


def _is_command(value: Any) -> bool:
    return issubclass(type(value), sys.modules["click.core"].Command)
