"""Start-up functions, which an application calls only once: an edit of one has no effect until a restart."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from types import FunctionType
from typing import Any

from reloadls.reload.engine.adapting import Shortfall
from reloadls.reload.engine.objects.containers import is_a

__all__ = ["StartupFunctions"]


class StartupFunctions:
    """The start-up functions of a library's applications, and the notes for their edits."""

    def __init__(self) -> None:
        self._known: dict[object, str] = {}
        """(module, name) → when it was called."""
        self._found: dict[Shortfall, None] = {}

    def add(self, functions: Iterable[Any], when: str) -> None:
        """Record functions that an application calls once."""
        self._known.update(dict.fromkeys(map(_name_of, functions), when))

    def compare(self, before: Iterable[Any], now: Iterable[Any], when: str) -> None:
        """Note functions that a running application did not have when it started."""
        there = set(map(_name_of, before))
        for each in now:
            if _name_of(each) not in there:
                self._add(each, f"{{}} runs only {when}, and was not called in this process; restart to run it")
        self.add(now, when)

    def changed(self, functions: Sequence[FunctionType]) -> None:
        """Note those of the functions that run only at the start."""
        for each in functions:
            if when := self._known.get(_name_of(each)):
                self._add(each, f"{{}} runs only {when}, so this edit has no effect until a restart")

    def _add(self, value: Any, message: str) -> None:
        function = _function_of(value)
        name = getattr(function or value, "__qualname__", None) or repr(value)
        self._found[Shortfall(message.format(name), about=function)] = None

    def clear(self) -> None:
        """Forget the notes."""
        self._found = {}

    def take(self) -> list[Shortfall]:
        """Return and forget the notes."""
        found, self._found = list(self._found), {}
        return found


def _function_of(value: Any) -> FunctionType | None:
    value = inspect.unwrap(value) if callable(value) else value
    value = getattr(value, "__func__", value)
    return value if is_a(value, FunctionType) else None


def _name_of(value: Any) -> object:
    function = _function_of(value)
    return value if function is None else (function.__module__, function.__qualname__)
