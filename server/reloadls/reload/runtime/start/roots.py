"""The folders with the program's own code, when `--root` does not name them."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from typing import Final

from reloadls.base.installed import command_folders, is_installed
from reloadls.base.paths import outermost

from .program import CantRun

__all__ = ["existing_roots", "module_roots", "roots_of", "script_roots"]


_MARKS: Final = ("pyproject.toml", "setup.py", "setup.cfg")


def roots_of(program: str, roots: Iterable[str], *, is_module: bool) -> tuple[str, ...]:
    """Return the folders to watch for a program.

    Args:
        program: the script's path, or the module's name.
        roots: the folders the user named; if empty, they are derived from the program.
        is_module: whether `program` is a module.

    Raises:
        CantRun: a named root is not a folder.
    """
    if roots:
        try:
            return existing_roots(roots)
        except NotADirectoryError as error:
            raise CantRun(f"--root {str(error)!r}: must be an existing folder", 2) from None
    return module_roots(program) if is_module else script_roots(program)


def script_roots(script: str) -> tuple[str, ...]:
    """Return the project a script belongs to, else its folder; the working directory for an installed script."""
    folder = os.path.dirname(os.path.realpath(script))
    if is_installed(folder) or folder in command_folders():
        return _here() or (folder,)
    return (_project(folder),)


def _here() -> tuple[str, ...]:
    try:
        return (os.path.realpath(os.getcwd()),)
    except OSError:  # it was deleted
        return ()


def _project(folder: str) -> str:
    """Return the nearest ancestor folder with a project file; `folder` itself if the home folder has none."""
    above, home = folder, os.path.realpath(os.path.expanduser("~"))
    while os.path.dirname(above) != above and above != home:
        if any(os.path.isfile(os.path.join(above, mark)) for mark in _MARKS):
            return above
        above = os.path.dirname(above)
    return folder


def module_roots(name: str) -> tuple[str, ...]:
    """Return the working directory, and the folder of the module's top-level package unless it is installed."""
    try:
        spec = importlib.util.find_spec(name.partition(".")[0])
    except (ImportError, ValueError):
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not places and spec is not None and spec.has_location and spec.origin:
        places = [spec.origin]
    above = [os.path.dirname(os.path.realpath(place)) for place in places]
    return _outermost([*_here(), *(folder for folder in above if not is_installed(folder))])


def existing_roots(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the real paths of folders, without those inside another.

    Raises:
        NotADirectoryError: one of them is not a folder.
    """
    found = []
    for path in paths:
        if not os.path.isdir(path):
            raise NotADirectoryError(path)
        found.append(os.path.realpath(path))
    return _outermost(found)


def _outermost(folders: Iterable[str]) -> tuple[str, ...]:
    """Return the folders that are not inside another one, in order."""
    found = list(dict.fromkeys(folders))
    outer = outermost(found)
    return tuple(folder for folder in found if folder in outer)
