"""Bottle: routes, hooks, error pages and plugins are removed before their statements run again."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from types import FunctionType, ModuleType
from typing import Any, ClassVar

from reloadls.reload.adapters.shared.applications import Applications
from reloadls.reload.adapters.shared.factories import Factories
from reloadls.reload.adapters.shared.registering import OwnedContainer, containers_in
from reloadls.reload.adapters.shared.registry import RegistryAdapter, same_items
from reloadls.reload.engine.adapting import Places
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

__all__ = ["BottleAdapter"]

_KEPT_IN = ("routes", "plugins", "error_handler", "_hooks", "_mounts")


class BottleAdapter(RegistryAdapter):
    """Applications, including the default one."""

    library: ClassVar[str] = "bottle"

    def __init__(self) -> None:
        super().__init__()
        self._applications = Applications(_is_application, lambda _old, _new: None)
        self._factories = Factories(("bottle",), self._become)
        self._routes: list[tuple[Any, list[Any]]] = []
        """Applications, and their routes, before any statement ran."""
        when_loaded("bottle", self._watch)

    def _watch(self, module: ModuleType) -> None:
        self.register.wrap(module.Bottle, "add_route", "add_hook", "install", "merge", "mount")
        self.register.wrap(module.Bottle, "error", decorators=True)
        self._factories.watch(module.Bottle)

    def containers(self, owner: Any) -> Iterable[OwnedContainer]:
        """The containers of an application."""
        return containers_in(owner, _KEPT_IN)

    def owners_in(self, value: Any) -> Iterable[Any]:
        """The value, if it is an application."""
        if _is_application(value):
            yield value

    def function_in(self, value: Any) -> Any:
        """The function that a route calls."""
        return getattr(value, "callback", value)

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Remember the routes of each application."""
        undo.add(self._rebuild_router)
        super().before(undo, namespaces)
        undo.add(self._factories.end)
        self._factories.begin()
        self._applications.remember(namespaces)
        self._routes = [(owner, list(owner.routes)) for owner in self.register.owners()]

    def register_again(self, places: Places) -> None:
        """Merge or mount applications again if their routes changed, since that copies the routes."""
        changed = {id(owner) for owner, before in self._routes if not same_items(before, owner.routes)}
        if changed:
            found = self.register.in_order(places)
            self.register.make_again(each for each in found if any(id(given) in changed for given in each.all_given()))

    def made_again(self) -> bool:
        """See `Factories`."""
        return self._factories.made_again

    def after(self, undo: Undo, places: Places) -> None:
        """Rebuild the routers; raises what a factory raises."""
        runs = self._runs
        super().after(undo, places)
        if runs:
            self._applications.settle(undo)
        self._factories.settle(undo)
        if runs:
            self._rebuild_router()
        self._routes = []

    def _become(self, old: Any, new: Any, undo: Undo) -> None:
        self.register.disown(old)
        self._applications.become(old, new, undo)

    def calls_differ(self, space: dict[str, Any], name: str) -> None:
        """Record the function, which may make an application."""
        self._factories.calls_differ(space, name)

    def functions_changed(self, functions: Sequence[FunctionType], undo: Undo) -> None:
        """Forget changes if the commit fails."""
        undo.add(self._factories.end)

    def _rebuild_router(self) -> None:
        for app in self.register.owners():
            router = type(app.router)(app.router.strict_order)
            router.filters = app.router.filters
            for route in app.routes:
                router.add(route.rule, route.method, route, name=route.name)
            vars(app)["router"] = router
            for route in app.routes:
                route.reset()  # it has applied the plugins of before


def _is_application(value: Any) -> bool:
    module = sys.modules.get("bottle")
    return module is not None and is_a(value, module.Bottle)
