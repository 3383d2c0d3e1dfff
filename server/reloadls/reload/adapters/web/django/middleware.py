"""Django's middleware: the chain is rebuilt if the settings or the code that builds it changed."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from functools import partial, wraps
from types import CodeType, FunctionType, ModuleType
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from reloadls.reload.engine.adapting import Adapter, Places
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

__all__ = ["MiddlewareAdapter"]

_VALUES = (str, bytes, int, float, tuple, list, dict, set, frozenset)
_CHAIN = ("_view_middleware", "_template_response_middleware", "_exception_middleware", "_middleware_chain")


class MiddlewareAdapter(Adapter):
    """Handlers with a loaded chain. An unaffected chain keeps its instances and their state."""

    library: ClassVar[str] = "django.core.handlers.base"

    def __init__(self) -> None:
        self._chains: WeakKeyDictionary[Any, tuple[dict[str, Any], list[object]]] = WeakKeyDictionary()
        """Handler → the arguments of its `load_middleware`, and what identified the middleware."""
        self._changed = False
        when_loaded("django.core.handlers.base", self._watch)

    def _watch(self, module: ModuleType) -> None:
        plain = module.BaseHandler.load_middleware

        @wraps(plain)
        def load_middleware(handler: Any, *args: Any, **kwargs: Any) -> None:
            plain(handler, *args, **kwargs)
            given = inspect.signature(plain).bind(handler, *args, **kwargs).arguments
            given.pop("self")
            self._chains[handler] = given, _made_by()

        module.BaseHandler.load_middleware = load_middleware

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Check the chains after the commit: statements may make middleware."""
        self._change(undo)

    def functions_changed(self, functions: Sequence[FunctionType], undo: Undo) -> None:
        """Check the chains after the commit: a function may make middleware."""
        self._change(undo)

    def _change(self, undo: Undo) -> None:
        self._changed = True
        undo.add(self._end)

    def _end(self) -> None:
        self._changed = False

    def after(self, undo: Undo, places: Places) -> None:
        """Rebuild the chains that would differ; raises what a middleware raises."""
        if not self._changed:
            return
        self._end()
        for handler, (given, made_by) in list(self._chains.items()):
            if made_by != _made_by():
                undo.add(partial(vars(handler).update, {name: getattr(handler, name) for name in _CHAIN}))
                undo.add(partial(self._chains.__setitem__, handler, (given, made_by)))
                handler.load_middleware(**given)


def _made_by() -> list[object]:
    """Return what identifies each middleware of the settings, as plain data."""
    find = sys.modules["django.utils.module_loading"].import_string
    return [(path, _fingerprint(find(path))) for path in sys.modules["django.conf"].settings.MIDDLEWARE]


def _fingerprint(factory: Any) -> object:
    function = inspect.getattr_static(factory, "__init__") if isinstance(factory, type) else inspect.unwrap(factory)
    if not isinstance(function, FunctionType):
        return id(factory)
    code = function.__code__
    consts = tuple(repr(each) for each in code.co_consts if not isinstance(each, CodeType))
    parts = id(factory), code.co_code, code.co_names, code.co_varnames, consts, repr(function.__defaults__)
    return (*parts, _values_read(function))


def _values_read(function: FunctionType) -> object:
    """Return the module constants and settings that a function reads, since it may keep their values."""
    settings = sys.modules["django.conf"].settings
    found = []
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if value is None and name.isupper():
            value = getattr(settings, name, None)
        if isinstance(value, _VALUES):
            found.append((name, repr(value)))
    return found
