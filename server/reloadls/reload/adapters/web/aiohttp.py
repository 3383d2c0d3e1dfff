"""aiohttp: the served application uses the routes of the current statements, route tables and factories."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, ClassVar
from weakref import WeakKeyDictionary, WeakSet

from reloadls.reload.adapters.shared.applications import Applications
from reloadls.reload.adapters.shared.factories import Factories
from reloadls.reload.adapters.shared.instances import on_created
from reloadls.reload.adapters.shared.registering import caller
from reloadls.reload.adapters.shared.startup import StartupFunctions
from reloadls.reload.engine.adapting import Adapter, Places, Shortfall
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

__all__ = ["AiohttpAdapter"]

_TAKEN = ("_router", "_middlewares", "_middlewares_handlers", "_run_middlewares", "_subapps", "_on_response_prepare")
_AT_START = "when the application starts"


class AiohttpAdapter(Adapter):
    """Applications. What start-up made stays; a running application is not started again."""

    library: ClassVar[str] = "aiohttp.web_app"

    def __init__(self) -> None:
        self._apps: WeakSet[Any] = WeakSet()
        self._factories = Factories(("aiohttp",), self._become)
        self._applications = Applications(_is_application, lambda _old, _new: None, self._become)
        self._tables: list[tuple[Any, list[int]]] = []
        """The program's route tables, and their content before any statement ran."""
        self._opened: list[Any] = []
        self._startup = StartupFunctions()
        when_loaded("aiohttp.web_app", self._watch)

    def _watch(self, module: ModuleType) -> None:
        self._factories.watch(module.Application)
        on_created(module.Application, self._apps.add)
        _keep_statements_apart(sys.modules["aiohttp.web_urldispatcher"].UrlDispatcher)

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Unfreeze the routers of running applications; statements may call a factory themselves."""
        undo.add(self._end)
        self._factories.begin()
        self._applications.remember(namespaces)
        table = sys.modules["aiohttp.web"].RouteTableDef
        values = [value for space in namespaces for value in list(space.values())]
        self._tables = [(each, list(map(id, each))) for each in values if isinstance(each, table)]
        self._opened = [app.router for app in list(self._apps) if app.router.frozen]
        for router in self._opened:
            router._frozen = False

    def grown(self) -> Iterable[Any]:
        """Return the route tables whose content changed; a factory may have read them, too."""
        found = [table for table, before in self._tables if before != list(map(id, table))]
        if found:
            self._factories.all_differ()
            self._tables = [(table, list(map(id, table))) for table, _ in self._tables]
        return found

    def _end(self) -> None:
        for router in self._opened:
            router.freeze()
        self._factories.end()
        self._startup.clear()
        self._tables, self._opened = [], []

    def calls_differ(self, space: dict[str, Any], name: str) -> None:
        """Record the function, which may make an application."""
        self._factories.calls_differ(space, name)

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Record the class, which may configure an application."""
        self._factories.class_changed(cls)

    def functions_changed(self, functions: Sequence[FunctionType], undo: Undo) -> None:
        """Note edits of functions that run only at the start."""
        undo.add(self._end)
        for app in [app for app in list(self._apps) if app.pre_frozen]:
            self._startup.add(_started_by(app), _AT_START)
        self._startup.changed(functions)

    def made_again(self) -> bool:
        """See `Factories`."""
        return self._factories.made_again

    def after(self, undo: Undo, places: Places) -> None:
        """Update served applications; raises what a factory raises."""
        self._applications.settle(undo)
        self._factories.settle(undo)
        for router in self._opened:
            router.freeze()
        self._tables, self._opened = [], []

    def _become(self, old: Any, new: Any, undo: Undo) -> None:
        """Use the new application's routes and middleware, frozen; state that is in use stays the old one's."""
        self._startup.compare(_started_by(old), _started_by(new), _AT_START)
        new.pre_freeze()
        undo.add(partial(vars(old).update, {name: vars(old).get(name) for name in (*_TAKEN, "_state")}))
        vars(old).update({name: vars(new)[name] for name in _TAKEN if name in vars(new)})
        vars(old)["_state"] = {**new._state, **old._state}

    def notes(self) -> Iterable[Shortfall]:
        """Return notes about functions that run only at the start."""
        return self._startup.take()


class _Gap:
    """A stand-in for the last resource, so that aiohttp does not add to it."""

    name = object()


def _keep_statements_apart(cls: Any) -> None:
    """Give each statement's routes a resource of their own, so that it can be removed with its statement."""
    plain = cls.add_resource
    made: WeakKeyDictionary[Any, tuple[str, int]] = WeakKeyDictionary()

    @functools.wraps(plain)
    def add_resource(router: Any, path: str, *, name: str | None = None) -> Any:
        here, resources = caller(), router._resources
        if not resources or made.get(resources[-1]) == here:
            found = plain(router, path, name=name)
        else:
            resources.append(_Gap)
            try:
                found = plain(router, path, name=name)
            finally:
                resources.remove(_Gap)
        made[found] = here
        return found

    cls.add_resource = add_resource


def _started_by(app: Any) -> list[Any]:
    return [*app.on_startup, *app.cleanup_ctx]


def _is_application(value: Any) -> bool:
    module = sys.modules.get("aiohttp.web_app")
    return module is not None and isinstance(value, module.Application)
