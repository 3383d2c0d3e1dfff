"""Pluggy: hooks are those that are currently specified, and call what plugins currently implement."""

from __future__ import annotations

import dis
from collections.abc import Iterable, Sequence
from functools import partial
from inspect import CO_GENERATOR
from types import FunctionType, ModuleType
from typing import Any, ClassVar
from weakref import WeakSet

from reloadls.reload.engine.adapting import Adapter, Places, Shortfall
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

from .shared.instances import on_created

__all__ = ["PluggyAdapter"]

_LOADS_CONSTANT = {"LOAD_CONST", "LOAD_COMMON_CONSTANT"}  # the second one for None since Python 3.15


class PluggyAdapter(Adapter):
    """The plugins and hook specifications of the program."""

    library: ClassVar[str] = "pluggy._manager"

    def __init__(self) -> None:
        self._managers: WeakSet[Any] = WeakSet()
        self._modules: set[str] = set()
        """The modules whose statements have run."""
        self._classes: set[type] = set()
        self._shortfalls: list[Shortfall] = []
        when_loaded("pluggy._manager", lambda module: on_created(module.PluginManager, self._managers.add))

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Forget everything if the commit fails."""
        undo.add(self._end)

    def _end(self) -> None:
        self._modules, self._classes, self._shortfalls = set(), set(), []

    def ran(self, module: str, undo: Undo) -> None:
        """Remember the module, which may be a plugin."""
        self._modules.add(module)

    def forget(self, value: Any, undo: Undo) -> None:
        """Remember the module of a function that may be gone: no statement of it has to run then."""
        if is_a(value, FunctionType):
            self._modules.add(value.__module__)

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Remember the class, whose instances may be plugins, or which may specify hooks."""
        undo.add(self._end)
        self._classes.add(cls)

    def functions_changed(self, functions: Sequence[FunctionType], undo: Undo) -> None:
        """Note hooks that are called for their side effects: earlier calls can't be repeated."""
        undo.add(self._end)
        changed = {id(each): each for each in functions if _returns_nothing(each)}
        for manager in list(self._managers) if changed else ():
            for caller in vars(manager.hook).values():
                for each in getattr(caller, "_hookimpls", ()):
                    if (
                        function := changed.pop(id(getattr(each.function, "__func__", each.function)), None)
                    ) is not None:
                        what = f"{function.__qualname__} is a hook that returns nothing"
                        what = f"{what}: the edit applies from the next call; the effects of earlier calls stay"
                        self._shortfalls.append(Shortfall(what, about=function))

    def after(self, undo: Undo, places: Places) -> None:
        """Specify hooks and register plugins again if they may have changed; raises what pluggy raises."""
        for manager in list(self._managers):
            plugins = [(name, each) for name, each in manager._name2plugin.items() if each is not None]
            specifying = [each for each in _specifying(manager) if self._changed(each)]
            if not specifying and not any(self._changed(each) for _, each in plugins):
                continue
            if any(caller._call_history for caller in _callers(manager)):
                what = "a plugin or a specification changed, and some hooks are historic (called for each new plugin)"
                self._shortfalls.append(Shortfall(f"{what}; added or removed hooks need a restart"))
                continue
            undo.add(partial(_register_again, manager, plugins))
            undo.add(partial(_put_specified, manager, [(each, each.spec) for each in _callers(manager)]))
            _specify_again(manager, specifying)
            _register_again(manager, plugins)
        self._modules, self._classes = set(), set()

    def _changed(self, value: Any) -> bool:
        """Return whether a plugin, or what specifies hooks, may have changed."""
        if isinstance(value, ModuleType):
            return value.__name__ in self._modules
        kind = value if isinstance(value, type) else type(value)
        return any(each in self._classes for each in kind.__mro__)

    def notes(self) -> Iterable[Shortfall]:
        """Return notes about plugins that could not be registered again, and about earlier hook calls."""
        found, self._shortfalls = self._shortfalls, []
        return found


def _returns_nothing(function: FunctionType) -> bool:
    """Return whether a function can only return None."""
    if function.__code__.co_flags & CO_GENERATOR:
        return False
    last: object = function
    for each in dis.get_instructions(function):
        if each.opname == "RETURN_CONST" and each.argval is not None:
            return False
        if each.opname == "RETURN_VALUE" and last is not None:
            return False
        last = each.argval if each.opname in _LOADS_CONSTANT else function
    return True


def _callers(manager: Any) -> list[Any]:
    return [each for each in vars(manager.hook).values() if hasattr(each, "_call_history")]


def _specifying(manager: Any) -> list[Any]:
    """Return the classes and modules that specify hooks."""
    found = [each.spec.namespace for each in _callers(manager) if each.spec is not None]
    return list({id(each): each for each in found}.values())


def _specify_again(manager: Any, specifying: Sequence[Any]) -> None:
    for caller in _callers(manager):
        if caller.spec is not None and any(caller.spec.namespace is each for each in specifying):
            caller.spec = None
    for each in specifying:
        manager.add_hookspecs(each)


def _put_specified(manager: Any, before: Sequence[tuple[Any, Any]]) -> None:
    hooks = vars(manager.hook)
    for each in _callers(manager):
        del hooks[each.name]
    for caller, spec in before:
        caller.spec = spec
        hooks[caller.name] = caller


def _register_again(manager: Any, plugins: Sequence[tuple[str, Any]]) -> None:
    for _, plugin in plugins:
        if manager.is_registered(plugin):
            manager.unregister(plugin)
    for caller in _callers(manager):
        caller._hookimpls.clear()  # implementations of plugins that are not registered any more
    for name, plugin in plugins:
        manager.register(plugin, name)
    for caller in _callers(manager):
        if caller.spec is None and not caller._hookimpls:
            del vars(manager.hook)[caller.name]
