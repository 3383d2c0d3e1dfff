"""FastAPI: routes are recreated when their signatures, dependencies or models changed."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, ClassVar

from reloadls.reload.adapters.shared.annotations import ReferenceFinder
from reloadls.reload.adapters.shared.registry import function_of, same_items
from reloadls.reload.adapters.shared.routes import remake, remember_arguments
from reloadls.reload.engine.adapting import Adapter, Places
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

from .starlette import StarletteAdapter

__all__ = ["FastapiAdapter"]


class FastapiAdapter(Adapter):
    """Works with the registrations of Starlette's adapter.

    Args:
        starlette: the adapter, which is called before this one.
    """

    library: ClassVar[str] = "fastapi.routing"

    def __init__(self, starlette: StarletteAdapter) -> None:
        self._starlette = starlette
        starlette.again = self._include_again
        self._called: set[Any] = set()
        """Functions and classes whose signature may have changed."""
        self._classes: set[type] = set()
        self._edited: set[FunctionType] = set()
        """Functions with a new body, and perhaps a new docstring."""
        self._refers = ReferenceFinder(())
        self._routes: dict[int, tuple[Any, list[Any]]] = {}
        when_loaded("fastapi.routing", self._watch)

    def _watch(self, module: ModuleType) -> None:
        self._starlette.register.wrap(
            module.APIRouter,
            *("add_api_route", "add_api_websocket_route", "include_router", "frontend", "add_event_handler"),
        )
        remember_arguments(module.APIRoute)
        remember_arguments(module.APIWebSocketRoute)

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Remember the routes of each router; older versions copy them when a router is included."""
        undo.add(self._end)
        self._routes = {id(router): (router, list(router.routes)) for router in self._routers()}

    def _end(self) -> None:
        self._called, self._classes, self._edited, self._routes = set(), set(), set(), {}
        self._refers = ReferenceFinder(())

    def replaced(self, double: Any, kept: Any, undo: Undo) -> None:
        """Record a function or class whose statement ran: its signature may have changed."""
        if is_a(kept, (FunctionType, type)):
            self._called.add(kept)

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Record a class, which may be a dependency or a model."""
        self._called.add(cls)
        self._classes.add(cls)

    def functions_changed(self, functions: Sequence[FunctionType], undo: Undo) -> None:
        """Record functions: a docstring is the description of a route."""
        self._edited.update(functions)

    def after(self, undo: Undo, places: Places) -> None:
        """Recreate routes, and drop the OpenAPI schema, which is made again on request."""
        routers = self._routers()
        self._refers = ReferenceFinder(self._classes)
        changed = [router for router in routers if self._bring_up_to_date(router, undo)]
        changed += [each for router in routers for route in router.routes for each in self._out_of_date_in(route)]
        undo.add(partial(_mark_all, changed))
        _mark_all(changed)
        for app in filter(_is_fastapi, self._starlette.register.owners()):
            undo.set_attribute(app, "openapi_schema", None)
        known = {id(router) for router in changed}
        for route in (each for router in routers for each in router.routes) if changed else ():
            if _leads_to(route, known, set()):
                route.effective_candidates()  # raise now, not at the next request
        self._end()

    def _bring_up_to_date(self, router: Any, undo: Undo) -> bool:
        """Recreate a router's outdated routes; return whether it has other routes than before."""
        found = [route for route in router.routes if self._is_out_of_date(route)]
        for route in found:
            remake(route, undo)
        return bool(found) or id(router.routes) not in self._starlette.as_before

    def _out_of_date_in(self, route: Any) -> Iterable[Any]:
        """Yield included routers whose routes are outdated because of the arguments they were included with."""
        for each in vars(route).get("_effective_candidates", ()):
            if "_effective_candidates" in vars(each):
                yield from self._out_of_date_in(each)
            elif self._is_out_of_date(each) or self._is_out_of_date(each.starlette_route):
                yield route.original_router

    def _routers(self) -> list[Any]:
        router = sys.modules["starlette.routing"].Router
        return [owner for owner in self._starlette.register.owners() if isinstance(owner, router)]

    def _is_out_of_date(self, route: Any) -> bool:
        dependant = None if route is None else vars(route).get("dependant")
        if dependant is None:
            return False
        edited = bool(self._edited) and function_of(route.endpoint) in self._edited
        if edited and _description(route) != vars(route).get("description"):
            return True
        if self._called and any(_calls(each, self._called) for each in _all(dependant)):
            return True
        return bool(self._classes) and any(map(self._refers, _types(route, dependant)))

    def _include_again(self, places: Places) -> None:
        """Include routers again in FastAPI before 0.130, which copies their routes."""
        module = sys.modules.get("fastapi.routing")
        if module is None or hasattr(module, "_IncludedRouter"):
            return
        register = self._starlette.register
        register.make_again(each for each in register.in_order(places) if any(map(self._differs, each.all_given())))

    def _differs(self, given: Any) -> bool:
        before = self._routes.get(id(given))
        return before is not None and not same_items(before[1], given.routes)


def _is_fastapi(value: Any) -> bool:
    module = sys.modules.get("fastapi.applications")
    return module is not None and is_a(value, module.FastAPI)


def _mark_changed(router: Any) -> None:
    """Drop what was derived from a router's old routes."""
    if hasattr(router, "_mark_routes_changed"):
        router._mark_routes_changed()
    for route in router.routes:
        for name in ("_effective_candidates_version", "_effective_low_priority_routes_version"):
            if name in vars(route):
                vars(route)[name] = None


def _leads_to(route: Any, routers: set[int], seen: set[int]) -> bool:
    """Return whether a route stands for an included router that is one of these, or includes one."""
    included = vars(route).get("original_router") if hasattr(route, "effective_candidates") else None
    if included is None or id(included) in seen:
        return False
    seen.add(id(included))
    return id(included) in routers or any(_leads_to(each, routers, seen) for each in included.routes)


def _mark_all(routers: Iterable[Any]) -> None:
    for router in routers:
        _mark_changed(router)


def _description(route: Any) -> str:
    """Return a route's default description, its function's docstring."""
    return inspect.cleandoc(route.endpoint.__doc__ or "").split("\f")[0].strip()


def _all(dependant: Any) -> Iterable[Any]:
    yield dependant
    for each in dependant.dependencies:
        yield from _all(each)


def _calls(dependant: Any, changed: set[Any]) -> bool:
    call = dependant.call
    if isinstance(call, type):
        return call in changed or any(base in changed for base in call.__mro__)
    function = function_of(call)
    if function is None:
        return call is not None and type(call) in changed
    return function in changed or (isinstance(call, FunctionType) and call in changed)


_OF_REQUEST = ("path_params", "query_params", "header_params", "cookie_params", "body_params")


def _types(route: Any, dependant: Any) -> Iterable[Any]:
    fields = [vars(route).get("response_field"), vars(route).get("stream_item_field")]
    fields += list((vars(route).get("response_fields") or {}).values())
    fields += [field for each in _all(dependant) for name in _OF_REQUEST for field in getattr(each, name)]
    for field in fields:
        if field is not None:
            yield field.field_info.annotation
