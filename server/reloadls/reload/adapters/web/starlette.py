"""Starlette: routes, mounts, middleware and exception handlers are removed before their statements run again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, ClassVar
from weakref import ref

from reloadls.reload.adapters.shared.applications import Applications
from reloadls.reload.adapters.shared.instances import on_created
from reloadls.reload.adapters.shared.registering import Entry, OwnedContainer, containers_in
from reloadls.reload.adapters.shared.registry import RegistryAdapter, same_items
from reloadls.reload.adapters.shared.routes import remake, remember_arguments
from reloadls.reload.adapters.shared.startup import StartupFunctions
from reloadls.reload.engine.adapting import Places, Shortfall
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

__all__ = ["StarletteAdapter"]

_OF_ROUTER = ("routes", "on_startup", "on_shutdown", "_low_priority_routes")
_OF_APP = ("user_middleware", "exception_handlers", "dependency_overrides")
_AT_START = "when the application starts"
_OUTLIVES = ("state", "dependency_overrides")


class StarletteAdapter(RegistryAdapter):
    """Applications, including FastAPI's, and routers."""

    library: ClassVar[str] = "starlette.routing"

    def __init__(self) -> None:
        super().__init__()
        self._applications = Applications(_is_application, _keep_state)
        self.again: Callable[[Places], None] = lambda _: None
        """What FastAPI's adapter registers again."""
        self._startup = StartupFunctions()
        self._routers: dict[int, ref[Any]] = {}
        self._started: list[tuple[Any, list[Any]]] = []
        """Running applications, and the functions they called when they started."""
        self._stacks: list[tuple[Any, Any, list[Any], dict[Any, Any]]] = []
        when_loaded("starlette.routing", self._watch_routing)
        when_loaded("starlette.applications", self._watch_applications)

    def _watch_routing(self, module: ModuleType) -> None:
        self.register.wrap(module.Router, "add_route", "add_websocket_route", "mount", "host", "add_event_handler")
        on_created(module.Router, self._track_router)
        remember_arguments(module.Route)
        remember_arguments(module.WebSocketRoute)

    def _track_router(self, router: Any) -> None:
        key = id(router)  # some are not hashable
        self._routers[key] = ref(router, lambda _: self._routers.pop(key, None))

    def _watch_applications(self, module: ModuleType) -> None:
        self.register.wrap(module.Starlette, "add_middleware", "add_exception_handler")

    def containers(self, owner: Any) -> Iterable[OwnedContainer]:
        """The lists of a router; the middleware and exception handlers of an application."""
        if not _is_application(owner):
            return containers_in(owner, _OF_ROUTER)
        return (*containers_in(owner, _OF_APP), *containers_in(owner.state, ("_state",)))

    def owners_in(self, value: Any) -> Iterable[Any]:
        """An application and its router, or a router, and those mounted in it."""
        value = _inner(value)
        if _is_application(value):
            yield value
            value = vars(value).get("router")
        if not _is_router(value):
            return
        yield value
        for route in list(value.routes):
            below = vars(route).get("_base_app") or vars(route).get("original_router") or vars(route).get("app")
            if below is not value and (_is_application(below) or _is_router(below)):
                yield from self.owners_in(below)

    def goes_first(self, container: Any) -> bool:
        """Return True for middleware: the last one added comes first."""
        middleware = sys.modules["starlette.middleware"].Middleware
        return bool(container) and all(isinstance(each, middleware) for each in container)

    def function_in(self, value: Any) -> Any:
        """A route's endpoint; the function that middleware is made of."""
        own = getattr(value, "__dict__", None)
        if own is None or not ("endpoint" in own or "kwargs" in own):
            return value
        if "endpoint" in own:
            return own["endpoint"]
        return next((each for each in (*own["args"], *own["kwargs"].values()) if callable(each)), None)

    def replace_in(self, entry: Entry, kept: Any, undo: Undo) -> None:
        """Call the program's own function."""
        value = entry.value
        if "endpoint" in vars(value):
            remake(value, undo, endpoint=kept)
            return
        value.args = tuple(self.kept.get(id(each), each) for each in value.args)
        value.kwargs = {name: self.kept.get(id(each), each) for name, each in value.kwargs.items()}

    def register_again(self, places: Places) -> None:
        """Let FastAPI's adapter include routers again."""
        self.again(places)

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Reopen applications that have served requests, so that middleware can be added."""
        super().before(undo, namespaces)
        self._applications.remember(namespaces)
        self._stacks = []
        undo.add(self._startup.clear)
        running = [app for app in filter(_is_application, self.register.owners()) if app.middleware_stack is not None]
        self._started = [(app, list(_started_by(app))) for app in running]
        for app in filter(_is_application, self.register.owners()):
            self._stacks.append((app, app.middleware_stack, list(app.user_middleware), dict(app.exception_handlers)))
            undo.add(partial(setattr, app, "middleware_stack", app.middleware_stack))
            app.middleware_stack = None

    def after(self, undo: Undo, places: Places) -> None:
        """Keep the middleware stack, with its state, if it did not change."""
        super().after(undo, places)
        for app, stack, middleware, handlers in self._stacks:
            same = same_items(middleware, app.user_middleware) and _same_entries(handlers, app.exception_handlers)
            if same and app.middleware_stack is None:
                app.middleware_stack = stack
        self._stacks = []
        self._applications.settle(undo)
        for app, before in self._started:
            self._startup.compare(before, _started_by(app), _AT_START)
        self._started = []

    def functions_changed(self, functions: Sequence[FunctionType], undo: Undo) -> None:
        """Note edits of functions that run only at the start."""
        undo.add(self._startup.clear)
        for router in [router for each in list(self._routers.values()) if (router := each()) is not None]:
            self._startup.add(getattr(router, "on_startup", ()), _AT_START)
        self._startup.changed(functions)

    def notes(self) -> Iterable[Shortfall]:
        """Return notes about functions that run only at the start."""
        return self._startup.take()


def _started_by(app: Any) -> list[Any]:
    return list(getattr(app.router, "on_startup", ()))


def _inner(value: Any) -> Any:
    """Return the application inside middleware that was applied by hand."""
    for _ in range(10):
        if is_a(value, (type, ModuleType)) or _is_application(value) or _is_router(value):
            return value
        try:
            value = object.__getattribute__(value, "__dict__").get("app")
        except AttributeError:
            return None
    return None


def _is_application(value: Any) -> bool:
    module = sys.modules.get("starlette.applications")
    return module is not None and is_a(value, module.Starlette)


def _is_router(value: Any) -> bool:
    return is_a(value, sys.modules["starlette.routing"].Router)


def _keep_state(old: Any, new: Any) -> None:
    """Keep the state that requests have set; values set by statements replace it."""
    for name in _OUTLIVES:
        before, now = vars(old).get(name), vars(new).get(name)
        if before is None or now is None:
            continue
        held, made = (before, now) if isinstance(before, dict) else (before._state, now._state)
        held.update(made)
        vars(new)[name] = before


def _same_entries(one: dict[Any, Any], other: dict[Any, Any]) -> bool:
    return same_items(list(one), list(other)) and same_items(list(one.values()), list(other.values()))
