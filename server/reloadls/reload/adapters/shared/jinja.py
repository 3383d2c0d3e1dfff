"""Jinja: a template that is loaded, and whoever holds it, renders as its file is now."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Iterable
from functools import partial
from types import ModuleType
from typing import Any, ClassVar
from weakref import WeakSet

from reloadls.reload.engine.adapting import Adapter, Places
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

_log = logging.getLogger(__name__)

__all__ = ["JinjaAdapter"]


class JinjaAdapter(Adapter):
    """The templates that environments keep, whether or not they look for changes themselves."""

    library: ClassVar[str] = "jinja2.environment"

    def __init__(self) -> None:
        self._environments: WeakSet[Any] = WeakSet()
        self._changed: list[tuple[Any, Any]] = []
        """The templates whose files changed, each with its environment."""
        when_loaded("jinja2.environment", self._watch)

    def _watch(self, module: ModuleType) -> None:
        watch_made(module.Environment, self._environments.add)

    def file_changed(self, path: str, undo: Undo) -> bool:
        """Templates are compiled once statements have run: they may use filters that are new."""
        undo.add(self._changed.clear)
        found = [(each, template) for each in list(self._environments) for template in _loaded(each, path)]
        self._changed += found
        return bool(found)

    def after(self, undo: Undo, places: Places) -> None:
        """Compile the templates of files that changed anew, in their place. Raises TemplateSyntaxError."""
        for environment, template in self._changed:
            _compile_again(environment, template, undo)
        self._changed = []


def watch_made(cls: type, then: Any) -> None:
    """Have `then` called with each object of a class once it is made."""
    plain = cls.__init__  # type: ignore[misc]
    listeners: list[Any] | None = getattr(plain, "__reloadls_listeners__", None)
    if listeners is not None:
        listeners.append(then)
        return
    listeners = [then]

    @functools.wraps(plain)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        plain(self, *args, **kwargs)
        for each in listeners:
            try:
                each(self)
            except Exception:  # the program goes on; an edit of what it made may be reported as live though it is not
                _log.warning("hot reload can't follow an object of %s", type(self).__qualname__, exc_info=True)

    __init__.__reloadls_listeners__ = listeners  # type: ignore[attr-defined]
    cls.__init__ = __init__  # type: ignore[misc]


def _loaded(environment: Any, path: str) -> Iterable[Any]:
    cache = environment.cache
    for template in list(cache.values()) if cache else ():
        if template.filename is not None and os.path.realpath(template.filename) == path:
            yield template


def _compile_again(environment: Any, template: Any, undo: Undo) -> None:
    if not os.path.exists(template.filename):  # the next time it is asked for, the loader says so
        _drop(environment, template, undo)
        return
    # Back in force, it doesn't look at its file itself: that has what could not be taken up.
    undo.add(partial(_restore, template, vars(template) | {"_uptodate": _always}))
    _restore(template, vars(environment.loader.load(environment, template.name, template.globals)))


def _always() -> bool:
    return True


def _drop(environment: Any, template: Any, undo: Undo) -> None:
    for key, value in list(environment.cache.items()):
        if value is template:
            undo.add(partial(environment.cache.__setitem__, key, value))
            del environment.cache[key]


def _restore(template: Any, values: dict[str, Any]) -> None:
    values = dict(values)
    vars(template).clear()
    vars(template).update(values)
