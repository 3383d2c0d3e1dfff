"""Watch files and report what really changed. Knows nothing of LSP, JSON-RPC or reload."""

from reloadls.watch.change import ChangeType, FileChange, collapse_changes
from reloadls.watch.discovery import discover_user_modules
from reloadls.watch.snapshot.problems import Problem
from reloadls.watch.sources.choose import SourceName
from reloadls.watch.status import WatchStatus
from reloadls.watch.watcher import FileWatcher

__all__ = [
    "ChangeType",
    "FileChange",
    "FileWatcher",
    "Problem",
    "SourceName",
    "WatchStatus",
    "collapse_changes",
    "discover_user_modules",
]
