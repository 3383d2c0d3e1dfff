"""Which files belong to the interpreter or to an installed package, and which are the user's own.

The standard library, `site-packages`, `dist-packages` and the user site are installed code. Anything else is the user's
own, also below `sys.prefix`: a container often keeps its project in `/usr/src/app`.
"""

from __future__ import annotations

import contextlib
import os
import site
import sys
import sysconfig
from collections.abc import Iterable

from reloadls.base.paths import is_within

__all__ = ["PACKAGE_FOLDERS", "command_folders", "installed_folders", "is_in_package_folder", "is_installed"]

PACKAGE_FOLDERS = ("site-packages", "dist-packages")
"""Names of folders that hold installed packages, whichever interpreter they belong to."""
_CUSTOM = ("sitecustomize.py", "usercustomize.py")
"""Debian has links by these names in the interpreter's folder, to files below /etc."""


def installed_folders() -> tuple[str, ...]:
    """Return the folders, and single files, of this interpreter that hold installed code, with links resolved."""
    paths = sysconfig.get_paths()
    found = [paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    found.extend(os.path.join(paths["stdlib"], name) for name in _CUSTOM)
    with contextlib.suppress(AttributeError):  # some embedded interpreters have a `site` without these
        found.append(site.getusersitepackages())  # not `getsitepackages`: on Windows that has sys.prefix in it
    return tuple(dict.fromkeys(os.path.realpath(path) for path in found if os.path.isabs(path)))


def is_in_package_folder(path: str) -> bool:
    """Return whether a folder on the way to `path`, or `path` itself, is called `site-packages` or `dist-packages`."""
    return not set(PACKAGE_FOLDERS).isdisjoint(path.split(os.sep))


def is_installed(path: str, folders: Iterable[str] | None = None) -> bool:
    """Return whether a file or folder belongs to the interpreter or to an installed package.

    Args:
        path: an absolute path with links resolved.
        folders: what `installed_folders` returns; give it if you ask for many paths.
    """
    return is_in_package_folder(path) or is_within(path, installed_folders() if folders is None else folders)


def command_folders() -> set[str]:
    """Return the folders that hold the commands of this environment, with links resolved."""
    return {os.path.realpath(place) for place in (sysconfig.get_path("scripts"), os.path.dirname(sys.executable))}
