"""Hooks for the program's own modules: get notified of reloads, and clean up before a statement runs again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from .engine.program.effects import Effect, Recorder

if TYPE_CHECKING:
    from .report import ReloadReport

__all__ = ["on_dispose", "on_reload", "notify"]

_log = logging.getLogger(__name__)

_Callback = TypeVar("_Callback", bound=Callable[..., object])
_listeners: dict[str, Callable[[ReloadReport], object]] = {}


def on_reload(callback: _Callback) -> _Callback:
    """Register `callback(report)` to be called after each reload that changed the program.

    A second function with the same module and name replaces the first, so a reloaded module does not register twice.
    An exception in the callback is logged.

    Args:
        callback: receives the `ReloadReport`, on the thread that applied the batch.

    Returns:
        The callback, so that this can be used as a decorator.
    """
    _listeners[f"{callback.__module__}.{getattr(callback, '__qualname__', id(callback))}"] = callback
    Recorder.note(Effect(lambda: None))
    return callback


def on_dispose(callback: _Callback) -> _Callback:
    """Register `callback()` to be called once, before the top-level statement that calls this runs again or is removed.

    Use it for what the engine can't undo: a connection, a thread, a subscription elsewhere. It is also called before
    the engine reruns a statement that binds a module-level name the callback reads. All such statements are then rerun,
    because the callback has ended what they made. Outside of a module's import it does nothing.

    Args:
        callback: takes no arguments.

    Returns:
        The callback, so that this can be used as a decorator.
    """
    code = getattr(callback, "__code__", None)
    names = frozenset(code.co_names) if code is not None else frozenset()
    Recorder.note(Effect(callback, at_once=True, names=names))
    return callback


def notify(report: ReloadReport) -> None:
    """Call every registered `on_reload` callback; one that raises does not stop the others."""
    for callback in list(_listeners.values()):
        try:
            callback(report)
        except Exception:
            _log.exception("an on_reload callback failed")
