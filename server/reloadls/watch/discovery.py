"""Which modules of this process are the user's own."""

from __future__ import annotations

import contextlib
import os
import site
import stat
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

from reloadls.watch.disk.guarded import GuardedDisk

__all__ = ["discover_user_modules", "working_folder"]

_INSTALLED = frozenset({"site-packages", "dist-packages"})
"""Folder names that hold installed code, whichever interpreter they belong to."""


def discover_user_modules(modules: Mapping[str, ModuleType | None] | None = None) -> list[Path]:
    """The source files of the user's own modules, each once, in import order.

    A module is the user's own when it has a real file outside site-packages, the user site, ``sys.prefix`` and
    ``sys.base_prefix``. A module without a file (built in, namespace, made at run time) is passed over, and so
    is one whose attributes can't be read: a lazy module may raise whatever it likes.

    Args:
        modules: name → module; ``sys.modules`` when left out.

    Returns:
        Absolute paths with links resolved, so that aliases of one file collapse.
    """
    known = dict(sys.modules if modules is None else modules)
    foreign = _foreign_folders()
    disk = GuardedDisk()
    try:
        disk.refresh()
        files = [_source_file(module, disk) for module in known.values()]
    finally:
        disk.close()
    found = dict.fromkeys(path for path in files if path is not None)
    return [Path(path) for path in found if not _is_foreign(path, foreign)]


def working_folder() -> str | None:
    """The process's working directory; None if it was deleted."""
    try:
        return os.getcwd()
    except OSError:
        return None


def _source_file(module: ModuleType | None, disk: GuardedDisk) -> str | None:
    """The module's file on disk, links resolved, or None. Compiled names (``.pyc``) give their source."""
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
    except OSError:  # it is not there, does not answer, or is relative to a working directory that was deleted
        return None


def _foreign_folders() -> list[str]:
    """Where installed code lives, links resolved."""
    folders = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    folders.update(
        path for key, path in sysconfig.get_paths().items() if key in {"stdlib", "platstdlib", "purelib", "platlib"}
    )
    with contextlib.suppress(AttributeError):  # some embedded interpreters have a `site` without these
        folders.update(site.getsitepackages())
        folders.add(site.getusersitepackages())
    here = working_folder()
    return [os.path.realpath(folder) for folder in folders if folder and (here or os.path.isabs(folder))]


def _is_foreign(path: str, folders: Iterable[str]) -> bool:
    if not _INSTALLED.isdisjoint(path.split(os.sep)):
        return True
    return any(path.startswith(folder.rstrip(os.sep) + os.sep) for folder in folders)
