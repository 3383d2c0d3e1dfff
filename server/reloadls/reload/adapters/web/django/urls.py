"""Django's URLs are resolved by the current patterns of their modules."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any, ClassVar
from weakref import WeakSet

from reloadls.reload.adapters.shared.instances import on_created
from reloadls.reload.engine.adapting import Adapter, Places
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

__all__ = ["UrlsAdapter"]

_DERIVED = ("url_patterns", "urlconf_module")


class UrlsAdapter(Adapter):
    """The URL resolvers."""

    library: ClassVar[str] = "django.urls.resolvers"

    def __init__(self) -> None:
        self._resolvers: WeakSet[Any] = WeakSet()
        self._runs = False
        when_loaded("django.urls.resolvers", self._watch)

    def _watch(self, module: ModuleType) -> None:
        on_created(module.URLResolver, self._resolvers.add)

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Clear the caches after the commit: statements may make patterns."""
        self._runs = True
        undo.add(self._end)
        undo.add(self._clear_caches)

    def _end(self) -> None:
        self._runs = False

    def after(self, undo: Undo, places: Places) -> None:
        """Clear what was derived from patterns; it is derived again when it is used."""
        if not self._runs:
            return
        self._end()
        for resolver in list(self._resolvers):
            made = list(_made_by_owner(resolver))
            if made:
                undo.set_attribute(resolver, "urlconf_name", made[0])
        self._clear_caches()

    def _clear_caches(self) -> None:
        for resolver in list(self._resolvers):
            for name in _DERIVED:
                vars(resolver).pop(name, None)
            resolver._reverse_dict, resolver._namespace_dict, resolver._app_dict = {}, {}, {}
            resolver._callback_strs = set()
            resolver._populated = False
        sys.modules["django.urls.base"].clear_url_caches()


def _made_by_owner(resolver: Any) -> Iterable[list[Any]]:
    """Return the current patterns of the admin site that made these."""
    patterns = resolver.urlconf_name
    for pattern in patterns if isinstance(patterns, (list, tuple)) else ():
        site = getattr(getattr(pattern, "callback", None), "admin_site", None)
        if site is not None and pattern.name == "index":
            yield site.get_urls()
            return
