"""Bottle: routes, hooks, error pages and plugins go and come with the statements that add them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from types import FunctionType, ModuleType
from typing import Any, ClassVar

from reloadls.reload.adapters.shared.applications import Applications
from reloadls.reload.adapters.shared.factories import Factories
from reloadls.reload.adapters.shared.registering import OwnedContainer, containers_in
from reloadls.reload.adapters.shared.registry import RegistryAdapter
from reloadls.reload.engine.adapting import Places
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

__all__ = ["BottleAdapter"]

_KEPT_IN = ("routes", "plugins", "error_handler", "_hooks", "_mounts")


class BottleAdapter(RegistryAdapter):
    """Applications, the default one among them."""

    library: ClassVar[str] = "bottle"

    def __init__(self) -> None:
        super().__init__()
        self._applications = Applications(_is_application, lambda _old, _new: None)
        self._factories = Factories(("bottle",), self._become)
        self._routes: dict[int, list[int]] = {}
        """What applications held before any statement ran."""
        when_loaded("bottle", self._watch)

    def _watch(self, module: ModuleType) -> None:
        self.register.wrap(module.Bottle, "add_route", "add_hook", "install", "merge", "mount")
        self.register.wrap(module.Bottle, "error", decorators=True)
        self._factories.watch(module.Bottle)

    def containers(self, owner: Any) -> Iterable[OwnedContainer]:
        """What an application keeps."""
        return containers_in(owner, _KEPT_IN)

    def owners_in(self, value: Any) -> Iterable[Any]:
        """An application."""
        if _is_application(value):
            yield value

    def function_in(self, value: Any) -> Any:
        """What a route calls."""
        return getattr(value, "callback", value)

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Remember the routes of each application."""
        undo.add(self._find_routes_anew)
        super().before(undo, namespaces)
        undo.add(self._factories.end)
        self._factories.begin()
        self._applications.remember(namespaces)
        self._routes = {id(owner): list(map(id, owner.routes)) for owner in self.register.owners()}

    def register_again(self, places: Places) -> None:
        """An application copies the routes of one that it merges or mounts."""
        changed = {id(owner) for owner in self.register.owners() if self._differs(owner)}
        if changed:
            found = self.register.in_order(places)
            self.register.make_again(each for each in found if any(id(given) in changed for given in each.all_given()))

    def _differs(self, owner: Any) -> bool:
        return id(owner) in self._routes and self._routes[id(owner)] != list(map(id, owner.routes))

    def made_again(self) -> bool:
        """See `Factories`."""
        return self._factories.made_again

    def after(self, undo: Undo, places: Places) -> None:
        """Have each application find its routes as they are now. Raises what a factory raises."""
        runs = self._runs
        super().after(undo, places)
        if runs:
            self._applications.settle(undo)
        self._factories.settle(undo)
        if runs:
            self._find_routes_anew()
        self._routes = {}

    def _become(self, old: Any, new: Any, undo: Undo) -> None:
        self.register.disown(old)
        self._applications.become(old, new, undo)

    def calls_differ(self, space: dict[str, Any], name: str) -> None:
        """It may make an application."""
        self._factories.calls_differ(space, name)

    def functions_changed(self, functions: Sequence[FunctionType], undo: Undo) -> None:
        """A failed commit leaves nothing to be done."""
        undo.add(self._factories.end)

    def _find_routes_anew(self) -> None:
        for app in self.register.owners():
            router = type(app.router)(app.router.strict_order)
            router.filters = app.router.filters
            for route in app.routes:
                router.add(route.rule, route.method, route, name=route.name)
            vars(app)["router"] = router
            for route in app.routes:
                route.reset()  # it has been made with the plugins that there were


def _is_application(value: Any) -> bool:
    module = sys.modules.get("bottle")
    return module is not None and isinstance(value, module.Bottle)
