"""structlog: loggers that are bound already use the processors that are configured now."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from functools import partial
from types import FunctionType
from typing import Any, ClassVar

from reloadls.reload.engine.adapting import Adapter, Places, Shortfall
from reloadls.reload.engine.undo import Undo

__all__ = ["StructlogAdapter"]


class StructlogAdapter(Adapter):
    """The configuration that `structlog.configure` sets; each bound logger keeps parts of it."""

    library: ClassVar[str] = "structlog._config"

    def __init__(self) -> None:
        self._before: tuple[list[Any], dict[str, Any]] | None = None
        """The processors, and what else loggers keep, before any statement ran."""
        self._shortfalls: list[Shortfall] = []

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Remember the configuration."""
        undo.add(self._end)
        self._end()
        config: Any = self._config()
        processors = config.default_processors
        if isinstance(processors, list) and processors is not type(config).default_processors:
            self._before = processors, _kept_by_loggers(config)

    def _config(self) -> Any:
        return sys.modules[self.library]._CONFIG

    def _end(self) -> None:
        self._before, self._shortfalls = None, []

    def after(self, undo: Undo, places: Places) -> None:
        """Have the list that loggers hold contain the new processors; note what they can't be given."""
        if self._before is None:
            return
        config, (held, kept) = self._config(), self._before
        self._before = None
        processors = config.default_processors
        if isinstance(processors, list) and processors is not held:
            undo.add(partial(_fill, held, list(held)))
            _fill(held, processors)
            undo.set_attribute(config, "default_processors", held)
        now = _kept_by_loggers(config)
        for name in [name for name in kept if kept[name] != now[name]]:
            what = f"{name} of structlog's configuration changed"
            self._shortfalls.append(
                Shortfall(f"{what}; loggers that are bound already keep the former until a restart")
            )

    def notes(self) -> Iterable[Shortfall]:
        """Return the note about loggers that are bound already."""
        found, self._shortfalls = self._shortfalls, []
        return found


def _kept_by_loggers(config: Any) -> dict[str, Any]:
    factory = config.logger_factory
    same = factory if isinstance(factory, (FunctionType, type)) else (type(factory), getattr(factory, "__dict__", None))
    return {"wrapper_class": config.default_wrapper_class, "logger_factory": same}


def _fill(held: list[Any], content: Sequence[Any]) -> None:
    held[:] = content
