"""Which files are the interpreter's own, or were installed."""

from __future__ import annotations

import os
import sys
import sysconfig

__all__ = ["folders_of_commands", "is_installed"]


_CUSTOM = ("sitecustomize.py", "usercustomize.py")
"""Debian has links by these names in the interpreter's folder, to files below /etc."""


def is_installed(path: str) -> bool:
    """Whether a file or folder is the interpreter's, or of a package that was installed."""
    paths = sysconfig.get_paths()
    folders = [os.path.realpath(paths[key]) for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    parts = path.split(os.sep)
    inside = any(path == folder or path.startswith(folder + os.sep) for folder in folders)
    inside = inside or any(path == os.path.realpath(os.path.join(folders[0], each)) for each in _CUSTOM)
    return inside or "site-packages" in parts or "dist-packages" in parts


def folders_of_commands() -> set[str]:
    """Where the commands of this environment lie."""
    return {os.path.realpath(place) for place in (sysconfig.get_path("scripts"), os.path.dirname(sys.executable))}
