"""Pluggy: hooks call what the plugins implement now, in the order in which they were registered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from types import ModuleType
from typing import Any, ClassVar
from weakref import WeakSet

from reloadls.reload.engine.adapting import Adapter, Places, Shortfall
from reloadls.reload.engine.undo import Undo

from .jinja import watch_made
from .loading import when_loaded

__all__ = ["PluggyAdapter"]


class PluggyAdapter(Adapter):
    """The plugins of the program."""

    library: ClassVar[str] = "pluggy._manager"

    def __init__(self) -> None:
        self._managers: WeakSet[Any] = WeakSet()
        self._modules: set[str] = set()
        """Those of which statements have run."""
        self._classes: set[type] = set()
        self._shortfalls: list[Shortfall] = []
        when_loaded("pluggy._manager", lambda module: watch_made(module.PluginManager, self._managers.add))

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """A failed commit leaves nothing to be done."""
        undo.add(self._end)

    def _end(self) -> None:
        self._modules, self._classes, self._shortfalls = set(), set(), []

    def ran(self, module: str, undo: Undo) -> None:
        """A module may be a plugin."""
        self._modules.add(module)

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """An instance of it may be a plugin."""
        undo.add(self._end)
        self._classes.add(cls)

    def after(self, undo: Undo, places: Places) -> None:
        """Register plugins again that may implement other hooks. Raises what pluggy raises for hooks that don't fit."""
        for manager in list(self._managers):
            plugins = [(name, each) for name, each in manager._name2plugin.items() if each is not None]
            if not any(self._changed(each) for _, each in plugins):
                continue
            if any(caller._call_history for caller in vars(manager.hook).values() if hasattr(caller, "_call_history")):
                what = "a plugin changed, and some of its hooks are called again for each plugin that is registered"
                self._shortfalls.append(Shortfall(f"{what}; hooks that were added or removed need a restart"))
                continue
            undo.add(partial(_register_again, manager, plugins))
            _register_again(manager, plugins)
        self._modules, self._classes = set(), set()

    def _changed(self, plugin: Any) -> bool:
        if isinstance(plugin, ModuleType):
            return plugin.__name__ in self._modules
        kind = plugin if isinstance(plugin, type) else type(plugin)
        return any(each in self._classes for each in kind.__mro__)

    def notes(self) -> Iterable[Shortfall]:
        """Plugins that could not be registered again."""
        found, self._shortfalls = self._shortfalls, []
        return found


def _register_again(manager: Any, plugins: Sequence[tuple[str, Any]]) -> None:
    for _, plugin in plugins:
        if manager.is_registered(plugin):
            manager.unregister(plugin)
    for caller in vars(manager.hook).values():
        caller._hookimpls.clear()  # of plugins that are known no longer
    for name, plugin in plugins:
        manager.register(plugin, name)
