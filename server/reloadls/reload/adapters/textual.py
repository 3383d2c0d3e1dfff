"""Textual: what an application or a widget has read or built when it was mounted is noted, since it stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import FunctionType, ModuleType
from typing import Any, ClassVar
from weakref import WeakSet

from reloadls.reload.engine.adapting import Adapter, Shortfall
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

from .shared.jinja import watch_made

__all__ = ["TextualAdapter"]

_READ = (
    *("CSS", "CSS_PATH", "DEFAULT_CSS", "BINDINGS", "TITLE", "SUB_TITLE", "SCREENS", "MODES", "COMMANDS"),
    *("DEFAULT_CLASSES", "COMPONENT_CLASSES", "BORDER_TITLE", "BORDER_SUBTITLE", "AUTO_FOCUS"),
)
_CALLED = ("compose", "on_mount", "_on_mount", "on_load", "on_ready", "get_default_screen")


class TextualAdapter(Adapter):
    """The nodes that are on the screen."""

    library: ClassVar[str] = "textual.dom"

    def __init__(self) -> None:
        self._nodes: WeakSet[Any] = WeakSet()
        self._read: dict[type, dict[str, str]] = {}
        """What each class said when its first node was made."""
        self._found: dict[Shortfall, None] = {}
        when_loaded("textual.dom", self._watch)

    def _watch(self, module: ModuleType) -> None:
        watch_made(module.DOMNode, self._know)

    def _know(self, node: Any) -> None:
        self._nodes.add(node)
        if type(node) not in self._read:
            self._read[type(node)] = _said_by(type(node))

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Note what was read of it."""
        undo.add(self._found.clear)
        for kind in {type(node) for node in list(self._nodes) if isinstance(node, cls)}:
            now, before = _said_by(kind), self._read.get(kind, {})
            for name in [name for name in now if now[name] != before.get(name)]:
                name_of = kind.__qualname__
                text = f"{name_of}.{name} is read when a {name_of} is made; restart to see the edit"
                self._found[Shortfall(text, about=cls)] = None

    def functions_changed(self, functions: Sequence[FunctionType], undo: Undo) -> None:
        """Note what was built by them."""
        undo.add(self._found.clear)
        for each in functions:
            owner, _, name = each.__qualname__.rpartition(".")
            if name in _CALLED and any(_has(type(node), owner, each) for node in list(self._nodes)):
                text = f"{each.__qualname__} runs only when a {owner} is mounted; restart to see the edit"
                self._found[Shortfall(text, about=each)] = None

    def notes(self) -> Iterable[Shortfall]:
        """What stays on the screen."""
        found = list(self._found)
        self._found.clear()
        return found


def _said_by(kind: type) -> dict[str, str]:
    found = {}
    for name in _READ:
        try:
            found[name] = repr(getattr(kind, name, None))
        except Exception:  # a value whose own __repr__ fails
            found[name] = ""
    return found


def _has(kind: type, owner: str, function: FunctionType) -> bool:
    return any(each.__qualname__ == owner and each.__module__ == function.__module__ for each in kind.__mro__)
