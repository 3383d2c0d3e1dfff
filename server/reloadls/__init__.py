"""Tells which files really changed, at once and without loss; makes running Python programs take them up."""

from __future__ import annotations

from reloadls._version import __version__

TYPE_CHECKING = False  # not from typing: what a program has of that name must not be run
if TYPE_CHECKING:
    from reloadls.watch import ChangeType, FileChange, FileWatcher, Problem, SourceName, WatchStatus

__all__ = ["ChangeType", "FileChange", "FileWatcher", "Problem", "SourceName", "WatchStatus", "__version__"]


def __getattr__(name: str) -> object:
    # A program under the reload runtime shouldn't pay for the watcher before it runs.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from reloadls import watch  # noqa: PLC0415

    return getattr(watch, name)
