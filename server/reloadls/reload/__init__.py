"""Makes a saved edit live in the running program.

`HotReloader` is the engine. It imports nothing but the standard library, so that a program under it starts as fast.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .hooks import on_dispose, on_reload
    from .reloader import HotReloader
    from .report import ModuleReport, Note, ReloadReport, ReportError, SessionCounts, SourceLocation
    from .runtime.live.pin import pin_reload

__all__ = [
    "HotReloader",
    "ModuleReport",
    "Note",
    "SourceLocation",
    "ReloadReport",
    "ReportError",
    "SessionCounts",
    "on_dispose",
    "on_reload",
    "pin_reload",
]


def __getattr__(name: str) -> object:
    """Each name's module is imported when it is asked for: a program that starts need not wait for all of them.

    Nor do they come before the runtime has seen to where its imports are found.
    """
    if name == "HotReloader":
        from . import reloader as found  # noqa: PLC0415
    elif name in ("on_dispose", "on_reload"):
        from . import hooks as found  # type: ignore[no-redef]  # noqa: PLC0415
    elif name == "pin_reload":
        from .runtime.live import pin as found  # type: ignore[no-redef]  # noqa: PLC0415
    elif name in __all__:
        from . import report as found  # type: ignore[no-redef]  # noqa: PLC0415
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(found, name)
