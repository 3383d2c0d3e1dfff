"""aiohttp: an application that a function made is made again, and the one that is served answers by its routes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, ClassVar

from reloadls.reload.engine.adapting import Adapter, Places
from reloadls.reload.engine.undo import Undo

from .factories import Factories
from .loading import when_loaded

__all__ = ["AiohttpAdapter"]

_TAKEN = ("_router", "_middlewares", "_middlewares_handlers", "_run_middlewares", "_subapps", "_on_response_prepare")


class AiohttpAdapter(Adapter):
    """Applications. What start-up has made stays: a running one is not started again."""

    library: ClassVar[str] = "aiohttp.web_app"

    def __init__(self) -> None:
        self._factories = Factories(("aiohttp",), _become)
        when_loaded("aiohttp.web_app", self._watch)

    def _watch(self, module: ModuleType) -> None:
        self._factories.watch(module.Application)

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Statements may call a factory themselves."""
        undo.add(self._factories.end)
        self._factories.begin()

    def calls_differ(self, space: dict[str, Any], name: str) -> None:
        """It may make an application."""
        self._factories.calls_differ(space, name)

    def functions_changed(self, functions: Sequence[FunctionType], undo: Undo) -> None:
        """A failed commit leaves nothing to be done."""
        undo.add(self._factories.end)

    def after(self, undo: Undo, places: Places) -> None:
        """Make applications again. Raises what a factory raises."""
        self._factories.settle(undo)


def _become(old: Any, new: Any, undo: Undo) -> None:
    """It can be resolved by, as soon as it is frozen; what is in use is of the old one."""
    new.pre_freeze()
    undo.add(partial(vars(old).update, {name: vars(old).get(name) for name in (*_TAKEN, "_state")}))
    vars(old).update({name: vars(new)[name] for name in _TAKEN if name in vars(new)})
    vars(old)["_state"] = {**new._state, **old._state}
