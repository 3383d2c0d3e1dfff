"""Apply saved edits to a running Python program.

`HotReloader` is the engine. It imports only the standard library, so it does not slow the program's start.
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
    """Import a name's module on first use.

    The program starts faster, and the runtime can first set up where imports are found (`base.own_imports`).
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
