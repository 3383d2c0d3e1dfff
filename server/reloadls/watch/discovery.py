"""Which modules of this process are the user's own."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from reloadls.base.installed import command_folders, installed_folders, is_installed
from reloadls.watch.disk.guarded import GuardedDisk

__all__ = ["discover_user_modules", "working_folder"]


def discover_user_modules(modules: Mapping[str, ModuleType | None] | None = None) -> list[Path]:
    """Return the source files of the user's own modules, each once, in import order.

    A module is the user's own if its file is neither installed (see `is_installed`) nor a command of the environment.
    Modules without a file (built in, namespace, created at run time) are ignored. So are modules whose attributes
    can't be read: a lazy module may raise anything.

    Args:
        modules: name → module; ``sys.modules`` if None.

    Returns:
        Absolute paths with links resolved, so aliases of one file collapse.
    """
    known = dict(sys.modules if modules is None else modules)
    folders, commands = installed_folders(), command_folders()
    disk = GuardedDisk()
    try:
        disk.refresh()
        files = [_source_file(module, disk) for module in known.values()]
    finally:
        disk.close()
    found = dict.fromkeys(path for path in files if path is not None)
    return [Path(path) for path in found if not is_installed(path, folders) and os.path.dirname(path) not in commands]


def working_folder() -> str | None:
    """Return the process's working directory; None if it was deleted."""
    try:
        return os.getcwd()
    except OSError:
        return None


def _source_file(module: ModuleType | None, disk: GuardedDisk) -> str | None:
    """Return the module's file on disk, links resolved, or None. A compiled name (``.pyc``) gives its source."""
    try:
        name = getattr(module, "__file__", None)
    except Exception:  # a lazy module's __getattr__ runs foreign code, which may raise anything
        return None
    if not isinstance(name, str) or not name or "\0" in name:
        return None
    if name.endswith((".pyc", ".pyo")):
        name = name[:-1]
    try:
        path = disk.resolve(os.path.abspath(name))
        return path if stat.S_ISREG(disk.lstat(path).st_mode) else None
    except OSError:  # missing, not answering, or relative to a deleted working directory
        return None
