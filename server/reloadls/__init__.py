"""Tells which files really changed, at once and without loss."""

from reloadls._version import __version__
from reloadls.watch import FileChange, FileWatcher

__all__ = ["FileChange", "FileWatcher", "__version__"]
