"""Makes a saved edit live in the running program.

`HotReloader` is the engine. It imports nothing but the standard library, so that a program under it starts as fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .engine.reloader import HotReloader
from .hooks import on_dispose, on_reload
from .runtime.pin import pin_reload

if TYPE_CHECKING:
    from .report import ModuleReport, Note, Place, ReloadReport, ReportError, SessionCounts

__all__ = [
    "HotReloader",
    "ModuleReport",
    "Note",
    "Place",
    "ReloadReport",
    "ReportError",
    "SessionCounts",
    "on_dispose",
    "on_reload",
    "pin_reload",
]

_OF_REPORT = frozenset({"ModuleReport", "Note", "Place", "ReloadReport", "ReportError", "SessionCounts"})


def __getattr__(name: str) -> Any:
    """The report's classes, when they are asked for."""
    if name not in _OF_REPORT:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import report  # noqa: PLC0415 - a program that starts need not wait for it

    return getattr(report, name)
