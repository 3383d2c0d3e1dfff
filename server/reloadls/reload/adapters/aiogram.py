"""aiogram: a router includes the routers that the current statements include, in their order."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable
from functools import partial
from types import ModuleType
from typing import Any, ClassVar

from reloadls.reload.engine.program.effects import Effect, Recorder
from reloadls.reload.engine.program.library_imports import when_loaded

from .shared.registering import OwnedContainer, containers_in
from .shared.registry import RegistryAdapter

__all__ = ["AiogramAdapter"]


class AiogramAdapter(RegistryAdapter):
    """Routers in routers; dispatchers are routers, too."""

    library: ClassVar[str] = "aiogram.dispatcher.router"

    def __init__(self) -> None:
        super().__init__()
        when_loaded(self.library, self._watch)

    def _watch(self, module: ModuleType) -> None:
        kind = module.Router
        self.register.wrap(kind, "include_router")
        noting = kind.include_router

        @functools.wraps(noting)
        def include_router(self: Any, router: Any) -> Any:
            included = noting(self, router)
            Recorder.note(Effect(partial(_set_parent, router, None), partial(_set_parent, router, self)))
            return included

        kind.include_router = include_router

    def containers(self, owner: Any) -> Iterable[OwnedContainer]:
        """The routers in a router."""
        return containers_in(owner, ("sub_routers",))

    def owners_in(self, value: Any) -> Iterable[Any]:
        """A router, and the routers in it."""
        if issubclass(type(value), sys.modules[self.library].Router):
            yield value
            for each in value.sub_routers:
                yield from self.owners_in(each)


def _set_parent(router: Any, parent: Any) -> None:
    router._parent_router = parent
