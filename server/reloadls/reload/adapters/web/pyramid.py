"""Pyramid: the served router is configured anew when its factory, what that includes, or a scanned view changed."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, ClassVar

from reloadls.reload.adapters.shared.serving import ServedAdapter
from reloadls.reload.engine.adapting import Places
from reloadls.reload.engine.objects.classes import CantBeLive
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.program.effects import Effect, Recorder
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import MISSING, Undo

__all__ = ["PyramidAdapter"]

_ATTACHED = "__venusian_callbacks__"
"""The attribute in which decorators keep what a scan is to register."""


class PyramidAdapter(ServedAdapter):
    """Routers, and the configurators that make them."""

    library: ClassVar[str] = "pyramid.router"
    kinds: ClassVar[tuple[str, ...]] = ("Router",)

    def __init__(self) -> None:
        super().__init__()
        self._spaces: Sequence[dict[str, Any]] = ()
        self._attached: dict[str, int] = {}
        """Before any statement ran: what has decorators for a scan, and which."""
        self._actions: list[Any] = []
        """The configurators that statements have acted on in this commit, or whose actions are gone."""
        when_loaded("pyramid.config", self._watch_actions)

    def _watch_actions(self, module: ModuleType) -> None:
        plain = module.Configurator.action

        @functools.wraps(plain)
        def action(config: Any, *args: Any, **kwargs: Any) -> Any:
            acted = partial(self._actions.append, config)
            if self._spaces:
                acted()
            Recorder.note(Effect(acted, _nothing))
            return plain(config, *args, **kwargs)

        module.Configurator.action = action

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Remember what can be scanned."""
        super().before(undo, namespaces)
        self._spaces = namespaces
        self._attached = _attached_in(namespaces)

    def _end(self) -> None:
        super()._end()
        self._spaces, self._attached = (), {}
        self._actions.clear()

    def takes_attributes(self, cls: type) -> bool:
        """Return True for a class whose methods are views."""
        return _ATTACHED in vars(cls)

    def put_attribute(self, cls: type, name: str, value: Any, names: Sequence[str], undo: Undo) -> bool:
        """Raise CantBeLive for what the decorators of methods attach to the class: they see it whole only once."""
        attached = vars(cls)[_ATTACHED].values()
        gone = value is MISSING and any(each[2].startswith(f"{name} ") for callbacks in attached for each in callbacks)
        if name == _ATTACHED or gone:
            raise CantBeLive(f"views in {cls.__qualname__} changed, and Pyramid collects them when the class is made")
        return False

    def replaced(self, double: Any, kept: Any, undo: Undo) -> None:
        """Have what decorators attached to the double count for the one that is kept."""
        if is_a(kept, (FunctionType, type)) and _ATTACHED in vars(kept):
            attached = vars(kept)[_ATTACHED]
            if getattr(attached, "attached_id", None) == id(double):
                undo.set_attribute(attached, "attached_id", id(kept))

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Record the class; its methods may be views."""
        super().class_changed(cls, double, undo)
        self.replaced(double, cls, undo)
        if _ATTACHED in vars(cls) or _ATTACHED in vars(double):
            self._factories.all_differ()

    def functions_changed(self, functions: Sequence[FunctionType], undo: Undo) -> None:
        """Record functions that configure, which the configurator finds by the names of their modules."""
        super().functions_changed(functions, undo)
        if any(_configures(each) for each in functions):
            self._factories.all_differ()

    def after(self, undo: Undo, places: Places) -> None:
        """Configure anew; raises CantBeLive where statements of a module have configured."""
        spaces, attached = self._spaces, _attached_in(self._spaces) if self._spaces else {}
        scanned = attached != self._attached
        named = _configurators_in(spaces)
        acted = {id(each) for each in self._actions}
        if scanned:
            self._factories.all_differ()
        super().after(undo, places)
        late = [each for each in named if id(each) in acted or scanned]
        self._end()
        if late and any(is_a(app, sys.modules[self.library].Router) for space in spaces for app in space.values()):
            raise CantBeLive(
                "statements changed what a configurator of Pyramid registers after it made the application"
            )


def _attached_in(spaces: Sequence[dict[str, Any]]) -> dict[str, int]:
    found = {}
    for space in spaces:
        for name, value in list(space.items()):
            if is_a(value, (FunctionType, type)) and _ATTACHED in vars(value):
                found[f"{space.get('__name__')}:{name}"] = id(vars(value)[_ATTACHED])
    return found


def _configurators_in(spaces: Sequence[dict[str, Any]]) -> list[Any]:
    module = sys.modules.get("pyramid.config")
    if module is None:
        return []
    return [value for space in spaces for value in list(space.values()) if is_a(value, module.Configurator)]


def _configures(function: FunctionType) -> bool:
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    return function.__name__ == "includeme" or names[:1] in (("config",), ("configurator",))


def _nothing() -> None:
    """The actions of a failed reload are undone with what its statements made."""
