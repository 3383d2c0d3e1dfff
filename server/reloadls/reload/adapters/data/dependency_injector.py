"""dependency-injector: edited providers need a restart; functions that are made again are wired again."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any, ClassVar
from weakref import WeakSet

from reloadls.reload.adapters.shared.instances import on_created
from reloadls.reload.engine.adapting import Adapter, Places
from reloadls.reload.engine.objects.classes import CantBeLive
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

__all__ = ["DependencyInjectorAdapter"]


class DependencyInjectorAdapter(Adapter):
    """Declarative containers, and the functions that they are wired to."""

    library: ClassVar[str] = "dependency_injector.containers"

    def __init__(self) -> None:
        self._containers: WeakSet[Any] = WeakSet()
        self._injected = False
        when_loaded(self.library, lambda module: on_created(module.DynamicContainer, self._containers.add))
        when_loaded("dependency_injector.wiring", self._watch)

    def _watch(self, module: ModuleType) -> None:
        plain = module.inject

        @functools.wraps(plain)
        def inject(function: Any) -> Any:
            self._injected = True
            return plain(function)

        module.inject = inject  # type: ignore[attr-defined]

    def takes_attributes(self, cls: type) -> bool:
        """Return True for a container's class."""
        return issubclass(cls, sys.modules[self.library].DeclarativeContainer)

    def put_attribute(self, cls: type, name: str, value: Any, names: Sequence[str], undo: Undo) -> bool:
        """Raise CantBeLive for a provider: containers that exist have copies of it."""
        provider = sys.modules["dependency_injector.providers"].Provider
        if is_a(value, provider) or is_a(vars(cls).get(name), provider):
            raise CantBeLive(f"the provider {cls.__qualname__}.{name} changed, and containers that exist have copies")
        return False

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Notice functions that are injected from now on."""
        self._injected = False

    def after(self, undo: Undo, places: Places) -> None:
        """Wire the containers to new functions."""
        injected, self._injected = self._injected, False
        for container in list(self._containers) if injected else ():
            if modules := list(container.wired_to_modules):
                container.wire(modules=modules)
