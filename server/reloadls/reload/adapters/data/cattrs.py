"""cattrs: converters drop code generated for a class that changed, and keep their identity when made again."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from types import ModuleType
from typing import Any, ClassVar

from reloadls.reload.adapters.shared.applications import Applications
from reloadls.reload.adapters.shared.instances import on_created
from reloadls.reload.engine.adapting import Adapter, Places, Shortfall
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.program.effects import Effect, Recorder
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

__all__ = ["CattrsAdapter"]

_MOST = 1_000
_REGISTER = (
    *("register_structure_hook", "register_unstructure_hook", "register_structure_hook_func"),
    *("register_unstructure_hook_func", "register_structure_hook_factory", "register_unstructure_hook_factory"),
)


class CattrsAdapter(Adapter):
    """The program's converters, and the global one of cattrs."""

    library: ClassVar[str] = "cattrs.converters"

    def __init__(self) -> None:
        self._converters: list[Any] = []
        """Strong references: some can't be referenced weakly, and there are few."""
        self._left: dict[object, str] = {}
        """Hooks whose statements were removed, by converter and type."""
        self._dropped: set[int] = set()
        self._named = Applications(_is_converter, lambda _old, _new: None)
        when_loaded("cattrs.converters", self._watch)

    def _watch(self, module: ModuleType) -> None:
        on_created(module.BaseConverter, self._track)
        for cls in (module.BaseConverter, module.Converter):
            for name in [name for name in _REGISTER if name in vars(cls)]:
                setattr(cls, name, self._noting(name, vars(cls)[name]))

    def _track(self, converter: Any) -> None:
        if len(self._converters) < _MOST:
            self._converters.append(converter)

    def _noting(self, name: str, plain: Any) -> Any:
        @functools.wraps(plain)
        def register(converter: Any, what: Any, *args: Any, **kwargs: Any) -> Any:
            found = plain(converter, what, *args, **kwargs)
            if str(sys._getframe(1).f_globals.get("__name__")).partition(".")[0] in ("cattrs", "cattr"):
                return found  # called by cattrs itself
            key = id(converter), name, _type_of(what)
            self._left.pop(key, None)
            Recorder.note(Effect(partial(self._left.__setitem__, key, str(key[2])), partial(self._left.pop, key, None)))
            return found

        return register

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Remember the converters that the program has names for."""
        undo.add(self._left.clear)
        self._left.clear()
        self._named.remember(namespaces)

    def notes(self) -> Iterable[Shortfall]:
        """Note the removed hooks that converters still use."""
        there = {id(each) for each in self._converters} - self._dropped
        left = [what for key, what in self._left.items() if isinstance(key, tuple) and key[0] in there]
        self._left.clear()
        return [
            Shortfall(f"a cattrs converter keeps the removed hook for {what}; restart to drop it", "notUndone")
            for what in left
        ]

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Drop the functions generated for the class, and for classes with a field of it."""
        undo.add(self._forget)
        self._forget()

    def _forget(self) -> None:
        for each in self._converters:
            for name in ("_structure_func", "_unstructure_func"):
                getattr(each, name).clear_cache()

    def after(self, undo: Undo, places: Places) -> None:
        """Update held converters from the ones that replaced them."""
        self._dropped = {id(each) for pair in self._named.settle(undo) for each in pair}


def _type_of(what: Any) -> str:
    """Return what a hook is for: a type, or a function's annotations."""
    hints = getattr(what, "__annotations__", None)
    return ", ".join(map(str, hints.values())) if hints and not isinstance(what, type) else str(what)


def _is_converter(value: Any) -> bool:
    module = sys.modules.get("cattrs.converters")
    return module is not None and is_a(value, module.BaseConverter)
