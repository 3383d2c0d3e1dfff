"""Jinja: loaded templates render the current files, also where the program holds the template object."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from types import ModuleType
from typing import Any, ClassVar
from weakref import WeakSet

from reloadls.reload.engine.adapting import Adapter, Places
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

from .shared.instances import on_created

__all__ = ["JinjaAdapter"]


class JinjaAdapter(Adapter):
    """The templates that environments cache, with or without auto_reload."""

    library: ClassVar[str] = "jinja2.environment"

    def __init__(self) -> None:
        self._environments: WeakSet[Any] = WeakSet()
        self._changed: list[tuple[Any, Any]] = []
        """(environment, template) for each changed file."""
        when_loaded("jinja2.environment", self._watch)

    def _watch(self, module: ModuleType) -> None:
        on_created(module.Environment, self._environments.add)

    def file_changed(self, path: str, undo: Undo) -> bool:
        """Remember the templates; they are compiled after statements have run, which may add filters."""
        undo.add(self._changed.clear)
        found = [(each, template) for each in list(self._environments) for template in _loaded(each, path)]
        self._changed += found
        return bool(found)

    def after(self, undo: Undo, places: Places) -> None:
        """Compile changed templates in place; raises TemplateSyntaxError."""
        for environment, template in self._changed:
            _compile_again(environment, template, undo)
        self._changed = []


def _loaded(environment: Any, path: str) -> Iterable[Any]:
    cache = environment.cache
    for template in list(cache.values()) if cache else ():
        if template.filename is not None and os.path.realpath(template.filename) == path:
            yield template


def _compile_again(environment: Any, template: Any, undo: Undo) -> None:
    if not os.path.exists(template.filename):  # the loader raises when it is requested next
        _drop(environment, template, undo)
        return
    # A restored template must not check its file, which has the content that failed.
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
