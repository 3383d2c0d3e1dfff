"""dramatiq: a broker has the actors that the current statements declare."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any, ClassVar

from reloadls.reload.engine.program.library_imports import when_loaded

from .shared.registering import OwnedContainer, containers_in
from .shared.registry import RegistryAdapter

__all__ = ["DramatiqAdapter"]


class DramatiqAdapter(RegistryAdapter):
    """Actors of brokers."""

    library: ClassVar[str] = "dramatiq.broker"

    def __init__(self) -> None:
        super().__init__()
        when_loaded(self.library, self._watch)

    def _watch(self, module: ModuleType) -> None:
        self.register.wrap(module.Broker, "declare_actor")

    def containers(self, owner: Any) -> Iterable[OwnedContainer]:
        """The actors of a broker."""
        return containers_in(owner, ("actors",))

    def owners_in(self, value: Any) -> Iterable[Any]:
        """A broker."""
        if issubclass(type(value), sys.modules[self.library].Broker):
            yield value

    def function_in(self, value: Any) -> Any:
        """The function that an actor calls."""
        return getattr(value, "fn", None)
