"""What a program's own modules may ask for: to be told of reloads, and to clean up before a statement runs again."""

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
    """Have `callback(report)` called after each reload that changed the program; usable as a decorator.

    A function of the same module and name takes the place of an earlier one, so that a module which is reloaded
    doesn't listen twice. What it raises is logged.
    """
    _listeners[f"{callback.__module__}.{getattr(callback, '__qualname__', id(callback))}"] = callback
    Recorder.note(Effect(lambda: None))
    return callback


def on_dispose(callback: _Callback) -> _Callback:
    """Have `callback()` called once, before the top-level statement that this is called from runs again or goes.

    For what the engine can't undo by itself: a connection, a thread, a subscription elsewhere. It is called, too,
    before a statement runs again that makes a name of the module which the callback reads; all of these are then made
    anew, since they have been ended. Outside of a module that is being loaded it does nothing.
    """
    code = getattr(callback, "__code__", None)
    names = frozenset(code.co_names) if code is not None else frozenset()
    Recorder.note(Effect(callback, at_once=True, names=names))
    return callback


def notify(report: ReloadReport) -> None:
    """Call the listeners."""
    for callback in list(_listeners.values()):
        try:
            callback(report)
        except Exception:
            _log.exception("a listener to reloads failed")
