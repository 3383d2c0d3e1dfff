"""aiohttp: the served application uses the routes of the current statements, route tables and factories."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, ClassVar
from weakref import WeakKeyDictionary, WeakSet

from reloadls.reload.adapters.shared.instances import on_created
from reloadls.reload.adapters.shared.registering import caller
from reloadls.reload.adapters.shared.serving import ServedAdapter
from reloadls.reload.engine.adapting import Places
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.undo import Undo

__all__ = ["AiohttpAdapter"]

_TAKEN = ("_router", "_middlewares", "_middlewares_handlers", "_run_middlewares", "_subapps", "_on_response_prepare")


class AiohttpAdapter(ServedAdapter):
    """Applications. What start-up made stays; a running application is not started again."""

    library: ClassVar[str] = "aiohttp.web_app"
    kinds: ClassVar[tuple[str, ...]] = ("Application",)

    def __init__(self) -> None:
        self._apps: WeakSet[Any] = WeakSet()
        self._tables: list[tuple[Any, list[int]]] = []
        """The program's route tables, and their content before any statement ran."""
        self._opened: list[Any] = []
        super().__init__()

    def _watch(self, module: ModuleType) -> None:
        super()._watch(module)
        on_created(module.Application, self._apps.add)
        _keep_statements_apart(sys.modules["aiohttp.web_urldispatcher"].UrlDispatcher)

    def at_start(self, app: Any) -> dict[str, Sequence[Any]]:
        """Its start-up hooks and cleanup contexts."""
        return {"when the application starts": [*app.on_startup, *app.cleanup_ctx]}

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Unfreeze the routers of running applications; statements may call a factory themselves."""
        super().before(undo, namespaces)
        table = sys.modules["aiohttp.web"].RouteTableDef
        values = [value for space in namespaces for value in list(space.values())]
        self._tables = [(each, list(map(id, each))) for each in values if is_a(each, table)]
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
        self._freeze()
        super()._end()

    def _freeze(self) -> None:
        for router in self._opened:
            router.freeze()
        self._tables, self._opened = [], []

    def functions_changed(self, functions: Sequence[FunctionType], undo: Undo) -> None:
        """Note edits of functions that run only at the start."""
        for app in [app for app in list(self._apps) if app.pre_frozen]:
            self._track(app)  # its hooks were added after it was made
        super().functions_changed(functions, undo)

    def after(self, undo: Undo, places: Places) -> None:
        """Update served applications; raises what a factory raises."""
        super().after(undo, places)
        self._freeze()

    def _become(self, old: Any, new: Any, undo: Undo) -> None:
        """Use the new application's routes and middleware, frozen; state that is in use stays the old one's."""
        self._compare_start(old, new)
        new.pre_freeze()
        undo.add(partial(vars(old).update, {name: vars(old).get(name) for name in (*_TAKEN, "_state")}))
        vars(old).update({name: vars(new)[name] for name in _TAKEN if name in vars(new)})
        vars(old)["_state"] = {**new._state, **old._state}


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
