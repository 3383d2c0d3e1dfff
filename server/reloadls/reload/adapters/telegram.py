"""python-telegram-bot: an application has the handlers that the current statements add."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any, ClassVar

from reloadls.reload.engine.program.library_imports import when_loaded

from .shared.registering import OwnedContainer
from .shared.registry import RegistryAdapter

__all__ = ["TelegramAdapter"]


class TelegramAdapter(RegistryAdapter):
    """Handlers of applications."""

    library: ClassVar[str] = "telegram.ext._application"

    def __init__(self) -> None:
        super().__init__()
        when_loaded(self.library, self._watch)

    def _watch(self, module: ModuleType) -> None:
        kind = module.Application
        self.register.wrap(kind, "add_handler", "add_error_handler")
        noting = kind.add_handler

        @functools.wraps(noting)
        def add_handler(self: Any, handler: Any, group: int = module.DEFAULT_GROUP) -> None:
            if group not in self.handlers:  # the library makes the whole table anew for a new group
                self.handlers[group] = []
                self.handlers = dict(sorted(self.handlers.items()))
            noting(self, handler, group)

        kind.add_handler = add_handler

    def containers(self, owner: Any) -> Iterable[OwnedContainer]:
        """The handlers, by group, and the handlers of errors."""
        yield owner.handlers, None
        yield owner.error_handlers, None

    def owners_in(self, value: Any) -> Iterable[Any]:
        """An application."""
        if issubclass(type(value), sys.modules[self.library].Application):
            yield value

    def function_in(self, value: Any) -> Any:
        """The function that a handler calls; an error handler is registered as a function."""
        return getattr(value, "callback", value)
