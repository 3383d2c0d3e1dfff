"""Makes a saved edit live in the running program.

`HotReloader` is the engine. It imports nothing but the standard library, so that a program under it starts as fast.
"""

from __future__ import annotations

from .engine.reloader import HotReloader
from .hooks import on_dispose, on_reload
from .report import ModuleReport, Place, ReloadReport, ReportError, SessionCounts
from .runtime.pin import pin_reload

__all__ = [
    "HotReloader",
    "ModuleReport",
    "Place",
    "ReloadReport",
    "ReportError",
    "SessionCounts",
    "on_dispose",
    "on_reload",
    "pin_reload",
]
