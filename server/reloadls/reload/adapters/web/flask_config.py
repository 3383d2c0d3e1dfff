"""Flask: a configuration follows the class or module it was read from; settings that extensions read are noted."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from types import CodeType, FunctionType, ModuleType
from typing import Any
from weakref import ref

from reloadls.reload.adapters.shared.registry import put_all
from reloadls.reload.engine.adapting import Shortfall
from reloadls.reload.engine.undo import MISSING, Undo

__all__ = ["Configurations"]


class Configurations:
    """The configurations of the program's applications."""

    def __init__(self) -> None:
        self._read: dict[int, tuple[ref[Any], list[tuple[Any, dict[str, Any]]]]] = {}
        """Each configuration, and the objects it was read from with their values."""
        self._before: list[tuple[Any, dict[str, Any]]] = []
        self._found: dict[Shortfall, None] = {}

    def watch(self, module: ModuleType) -> None:
        """Record the objects that configurations are read from."""
        plain = module.Config.from_object

        @functools.wraps(plain)
        def from_object(config: Any, source: Any) -> None:
            plain(config, source)
            key = id(config)
            known = self._read.get(key)
            if known is None or known[0]() is not config:
                known = self._read[key] = ref(config, lambda _: self._read.pop(key, None)), []
            known[1].append((source, _values_of(source)))

        module.Config.from_object = from_object

    def remember(self, apps: Iterable[Any]) -> None:
        """Remember the configurations before any statement runs."""
        self._before = [(app, dict(app.config)) for app in apps]

    def settle(self, undo: Undo) -> None:
        """Update each setting that still has the value it was read with."""
        for find, sources in list(self._read.values()):
            config = find()
            for index, (source, known_values) in enumerate(sources):
                now = _values_of(source)
                if config is not None and now != known_values:
                    undo.add(partial(put_all, config, dict(config)))
                    undo.add(partial(sources.__setitem__, index, (source, known_values)))
                    sources[index] = source, now
                    _apply(config, known_values, now)

    def compare(self) -> None:
        """Note changed settings that extensions have already read."""
        before, self._before = self._before, []
        for app, config in before:
            for name in [name for name in {**config, **app.config} if _differ(config, app.config, name)]:
                for kind in {type(each) for each in app.extensions.values()}:
                    if name in _read_at_start(kind):
                        text = f"the setting {name} changed, but {kind.__module__} read it in init_app"
                        self._found[Shortfall(f"{text}; restart to apply it")] = None

    def clear(self) -> None:
        """Forget what was remembered and found."""
        self._before = []
        self._found.clear()

    def take(self) -> list[Shortfall]:
        """Return and forget the notes."""
        found = list(self._found)
        self._found.clear()
        return found


def _object_of(source: Any) -> Any:
    if not isinstance(source, str):
        return source
    if source in sys.modules:
        return sys.modules[source]
    module, _, name = source.replace(":", ".").rpartition(".")
    return getattr(sys.modules.get(module), name, None)


def _values_of(source: Any) -> dict[str, Any]:
    found = _object_of(source)
    return {} if found is None else {name: getattr(found, name) for name in dir(found) if name.isupper()}


def _apply(config: Any, known_values: dict[str, Any], now: dict[str, Any]) -> None:
    for name in {**known_values, **now}:
        if not _differ(known_values, config, name):
            if name in now:
                config[name] = now[name]
            else:
                config.pop(name, None)


def _differ(one: dict[str, Any], other: dict[str, Any], name: str) -> bool:
    before, now = one.get(name, MISSING), other.get(name, MISSING)
    try:
        return before is not now and bool(before != now)
    except Exception:  # an __eq__ of the program's
        return True


def _read_at_start(kind: type) -> set[str]:
    """Return the strings in an extension's `init_app`, and in the functions it calls."""
    start = getattr(kind, "init_app", None)
    if not isinstance(start, FunctionType):
        return set()
    called = [getattr(kind, name, None) or start.__globals__.get(name) for name in start.__code__.co_names]
    functions = [start, *(each for each in called if isinstance(each, FunctionType))]
    return {each for function in functions for each in _texts_in(function.__code__)}


def _texts_in(code: CodeType) -> Iterator[str]:
    for each in code.co_consts:
        if isinstance(each, str):
            yield each
        elif isinstance(each, CodeType):
            yield from _texts_in(each)
