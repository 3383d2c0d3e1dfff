"""Which folders hold the program's own code, when nobody says."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable

__all__ = ["existing_roots", "module_roots", "script_roots"]


def script_roots(script: str) -> tuple[str, ...]:
    """The folder of a script."""
    return (os.path.dirname(os.path.realpath(script)),)


def module_roots(name: str) -> tuple[str, ...]:
    """The working directory, and where the module's top-level package lies, unless that is installed."""
    try:
        here = [os.path.realpath(os.getcwd())]
    except OSError:  # it was deleted
        here = []
    try:
        spec = importlib.util.find_spec(name.partition(".")[0])
    except (ImportError, ValueError):
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not places and spec is not None and spec.has_location and spec.origin:
        places = [spec.origin]
    above = [os.path.dirname(os.path.realpath(place)) for place in places]
    return _outermost([*here, *(folder for folder in above if not _is_installed(folder))])


def existing_roots(paths: Iterable[str]) -> tuple[str, ...]:
    """Roots that somebody has named.

    Raises:
        NotADirectoryError: one of them is no folder.
    """
    found = []
    for path in paths:
        if not os.path.isdir(path):
            raise NotADirectoryError(path)
        found.append(os.path.realpath(path))
    return _outermost(found)


def _outermost(folders: Iterable[str]) -> tuple[str, ...]:
    """Those that do not lie in another one."""
    found = list(dict.fromkeys(folders))
    return tuple(
        folder
        for folder in found
        if not any(other != folder and folder.startswith(other.rstrip(os.sep) + os.sep) for other in found)
    )


def _is_installed(folder: str) -> bool:
    installed = (os.path.realpath(sys.prefix), os.path.realpath(sys.base_prefix))
    parts = folder.split(os.sep)
    return (
        "site-packages" in parts
        or "dist-packages" in parts
        or folder.startswith(tuple(place + os.sep for place in installed))
    )
