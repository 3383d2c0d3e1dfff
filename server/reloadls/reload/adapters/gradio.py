"""gradio: an edit of the interface needs a restart, since the server keeps what it derived from it."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any, ClassVar

from reloadls.reload.engine.adapting import Adapter, Places
from reloadls.reload.engine.objects.classes import CantBeLive
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

from .shared.instances import on_created

__all__ = ["GradioAdapter"]


class GradioAdapter(Adapter):
    """Interfaces. The functions that their events call are live."""

    library: ClassVar[str] = "gradio.blocks"

    def __init__(self) -> None:
        self._runs = False
        self._made = False
        when_loaded(self.library, self._watch)

    def _watch(self, module: ModuleType) -> None:
        on_created(module.Blocks, self._note)

    def _note(self, _: Any) -> None:
        self._made |= self._runs

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Notice interfaces that are made from now on."""
        undo.add(self._end)
        self._runs, self._made = True, False

    def _end(self) -> None:
        self._runs = self._made = False

    def after(self, undo: Undo, places: Places) -> None:
        """Raise CantBeLive if an interface was made."""
        made = self._made
        self._end()
        if made:
            raise CantBeLive("the interface was edited, and gradio serves the one that it has launched")
