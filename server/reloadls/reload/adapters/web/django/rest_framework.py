"""Django REST framework: the URLs of a router follow its registrations and the actions of its view sets."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from types import ModuleType
from typing import Any, ClassVar
from weakref import WeakSet

from reloadls.reload.adapters.shared.instances import on_created
from reloadls.reload.engine.adapting import Adapter, Places
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

__all__ = ["RestFrameworkAdapter"]


class RestFrameworkAdapter(Adapter):
    """Routers. Django holds the list that a router has made of its URLs, so that list is updated."""

    library: ClassVar[str] = "rest_framework.routers"

    def __init__(self) -> None:
        self._routers: WeakSet[Any] = WeakSet()
        self._before: list[tuple[Any, list[Any]]] = []
        self._views_changed = False
        when_loaded(self.library, self._watch)

    def _watch(self, module: ModuleType) -> None:
        on_created(module.BaseRouter, self._routers.add)

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Remember the lists: a registration drops them."""
        self._views_changed = False
        self._before = [(each, vars(each)["_urls"]) for each in list(self._routers) if "_urls" in vars(each)]
        for router, urls in self._before:
            undo.add(partial(vars(router).__setitem__, "_urls", urls))
        undo.add(self._end)

    def _end(self) -> None:
        self._before = []

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Notice view sets."""
        self._views_changed |= issubclass(cls, sys.modules["rest_framework.viewsets"].ViewSetMixin)

    def after(self, undo: Undo, places: Places) -> None:
        """Put the current URLs into the lists."""
        before, self._before = self._before, []
        for router, urls in before:
            if self._views_changed or vars(router).get("_urls") is not urls:
                undo.add(partial(_put, urls, list(urls)))
                urls[:] = router.get_urls()
                router._urls = urls


def _put(urls: list[Any], before: list[Any]) -> None:
    urls[:] = before
