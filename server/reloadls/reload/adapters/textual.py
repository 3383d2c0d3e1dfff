"""Textual: edited style sheets are applied; other edits of what is read or built on mounting are noted."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, ClassVar
from weakref import WeakSet

from reloadls.reload.engine.adapting import Adapter, Places, Shortfall
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

from .shared.instances import on_created

__all__ = ["TextualAdapter"]

_READ = (
    *("CSS", "CSS_PATH", "DEFAULT_CSS", "BINDINGS", "TITLE", "SUB_TITLE", "SCREENS", "MODES", "COMMANDS"),
    *("DEFAULT_CLASSES", "COMPONENT_CLASSES", "BORDER_TITLE", "BORDER_SUBTITLE", "AUTO_FOCUS"),
)
_SHEETS = ("CSS", "DEFAULT_CSS")
_CALLED = ("compose", "on_mount", "_on_mount", "on_load", "on_ready", "get_default_screen")


class TextualAdapter(Adapter):
    """The mounted nodes."""

    library: ClassVar[str] = "textual.dom"

    def __init__(self) -> None:
        self._nodes: WeakSet[Any] = WeakSet()
        self._read: dict[type, dict[str, str]] = {}
        """Each class's values when its first node was made."""
        self._found: dict[Shortfall, None] = {}
        self._kinds: set[type] = set()
        """The classes whose style sheets changed."""
        self._files: set[str] = set()
        """The style sheet files that changed."""
        when_loaded("textual.dom", self._watch)

    def _watch(self, module: ModuleType) -> None:
        on_created(module.DOMNode, self._track)

    def _track(self, node: Any) -> None:
        self._nodes.add(node)
        if type(node) not in self._read:
            self._read[type(node)] = _values_of(type(node))

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Note changed attributes that are read only once."""
        undo.add(self._end)
        for kind in {type(node) for node in list(self._nodes) if isinstance(node, cls)}:
            now, before = _values_of(kind), self._read.get(kind, {})
            changed = [name for name in now if now[name] != before.get(name)]
            if any(name in _SHEETS for name in changed):
                self._kinds.add(kind)
            for name in [name for name in changed if name not in _SHEETS]:
                name_of = kind.__qualname__
                text = f"{name_of}.{name} is read when a {name_of} is made; restart to see the edit"
                self._found[Shortfall(text, about=cls)] = None

    def functions_changed(self, functions: Sequence[FunctionType], undo: Undo) -> None:
        """Note edits of functions that run only once."""
        undo.add(self._end)
        for each in functions:
            owner, _, name = each.__qualname__.rpartition(".")
            if name in _CALLED and any(_has(type(node), owner, each) for node in list(self._nodes)):
                text = f"{each.__qualname__} runs only when a {owner} is mounted; restart to see the edit"
                self._found[Shortfall(text, about=each)] = None

    def file_changed(self, path: str, undo: Undo) -> bool:
        """Record a style sheet of a running application or its screens."""
        found = any(path in _files_of(app) for app in self._applications())
        if found:
            undo.add(self._end)
            self._files.add(path)
        return found

    def after(self, undo: Undo, places: Places) -> None:
        """Apply changed style sheets; raises StylesheetParseError."""
        for app in self._applications() if self._kinds or self._files else ():
            changed = {key: each for key, each in app.stylesheet.source.items() if self._is_stale(key)}
            if changed:
                sheet = app.stylesheet.copy()
                for key, each in changed.items():
                    sheet.source[key] = each._replace(content=_content(key, self._kinds))
                sheet.parse()
                undo.add(partial(_apply, app, app.stylesheet))
                _apply(app, sheet)
        self._kinds, self._files = set(), set()

    def _applications(self) -> list[Any]:
        kind = sys.modules["textual.app"].App if "textual.app" in sys.modules else ()
        return [node for node in list(self._nodes) if isinstance(node, kind)]

    def _is_stale(self, key: tuple[str, str]) -> bool:
        return os.path.realpath(key[0]) in self._files if not key[1] else _kind_of(key, self._kinds) is not None

    def _end(self) -> None:
        self._found, self._kinds, self._files = {}, set(), set()

    def notes(self) -> Iterable[Shortfall]:
        """Return the notes."""
        found = list(self._found)
        self._found.clear()
        return found


def _files_of(app: Any) -> set[str]:
    """Return the files of an application's style sheets."""
    return {os.path.realpath(path) for path, name in app.stylesheet.source if path and not name}


def _kind_of(key: tuple[str, str], kinds: Iterable[type]) -> tuple[type, str] | None:
    """Return the class and attribute that contain a style sheet."""
    owner, _, name = key[1].rpartition(".")
    known = [base for kind in kinds for base in kind.__mro__ if base.__name__ == owner and name in _SHEETS]
    return next(((base, name) for base in known if name in vars(base)), None)


def _content(key: tuple[str, str], kinds: Iterable[type]) -> str:
    """Return the current text of a style sheet."""
    found = _kind_of(key, kinds)
    if found is not None:
        return str(vars(found[0])[found[1]])
    with open(key[0], encoding="utf-8") as file:
        return file.read()


def _apply(app: Any, sheet: Any) -> None:
    app.stylesheet = sheet
    with app._context():
        sheet.update(app)
        for screen in app.screen_stack:
            sheet.update(screen)


def _values_of(kind: type) -> dict[str, str]:
    found = {}
    for name in _READ:
        try:
            found[name] = repr(getattr(kind, name, None))
        except Exception:  # a value whose own __repr__ fails
            found[name] = ""
    return found


def _has(kind: type, owner: str, function: FunctionType) -> bool:
    return any(each.__qualname__ == owner and each.__module__ == function.__module__ for each in kind.__mro__)
