"""Call back when a library has been imported: at once, or right after its first import."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["when_loaded"]

_log = logging.getLogger(__name__)

Then = Callable[[ModuleType], object]


def when_loaded(name: str, then: Then) -> None:
    """Call `then(module)` once the module with this name has run, before anybody else can use it."""
    module = sys.modules.get(name)
    if module is not None and not _is_loading(module):
        _call(then, module)
        return
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    _finder.waiting.setdefault(name, []).append(then)


def _is_loading(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _call(then: Then, module: ModuleType) -> None:
    """A library of a version that we don't know must not keep the program from running."""
    try:
        then(module)
    except Exception:
        _log.warning("hot reload knows this version of %s only in part", module.__name__, exc_info=True)


class _Finder:
    """Has the other finders find a module, and its loader call back. It stays only as long as something is awaited."""

    def __init__(self) -> None:
        self.waiting: dict[str, list[Then]] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As `importlib.abc.MetaPathFinder.find_spec`."""
        thens = self.waiting.pop(name, None)
        if thens is None:
            return None
        if not self.waiting and self in sys.meta_path:
            sys.meta_path.remove(self)
        spec: ModuleSpec | None = _found_by_others(self, name, path, target)
        if spec is None or spec.loader is None:
            for each in thens:
                when_loaded(name, each)
            return spec
        _call_after(spec.loader, thens)
        return spec


_finder = _Finder()


def _found_by_others(own: object, name: str, path: Sequence[str] | None, target: ModuleType | None) -> Any:
    for finder in list(sys.meta_path):
        find = None if finder is own else getattr(finder, "find_spec", None)
        spec = find(name, path, target) if find is not None else None
        if spec is not None:
            return spec
    return None


def _call_after(loader: Any, thens: list[Then]) -> None:
    plain = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        vars(loader).pop("exec_module", None)
        plain(module)
        for each in thens:
            _call(each, module)

    loader.exec_module = exec_module
