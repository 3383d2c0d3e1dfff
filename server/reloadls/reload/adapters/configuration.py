"""Live configurations of reloadls: a file that modules read, too, is applied in one transaction with their code."""

from __future__ import annotations

from typing import ClassVar

from reloadls.base.hosted.live_sources import live_sources
from reloadls.reload.engine.adapting import Adapter, Places
from reloadls.reload.engine.undo import Undo

__all__ = ["ConfigurationAdapter"]


class ConfigurationAdapter(Adapter):
    """What `base/hosted/live_sources.py` knows."""

    library: ClassVar[str] = "reloadls.config"

    def __init__(self) -> None:
        self._keys: dict[str, tuple[str, ...]] = {}

    def file_changed(self, path: str, undo: Undo) -> bool:
        """Apply it before statements run, which see the new values; raises InvalidConfiguration."""
        self._keys.pop(path, None)
        keys = live_sources.apply(path, undo.add, undo.at_the_end)
        if keys:
            self._keys[path] = keys
        return bool(keys)

    def changed_in(self, path: str) -> tuple[str, ...]:
        """Return the keys of configurations that the last batch changed because of a file."""
        return self._keys.get(path, ())

    def after(self, undo: Undo, places: Places) -> None:
        """Apply what was taken back with code that failed."""
        live_sources.apply(None, undo.add, undo.at_the_end)
