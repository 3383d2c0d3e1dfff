"""Make reloadls import itself, its libraries and the standard library, never a file of the program.

A script's folder comes first in `sys.path`. So a `queue.py` beside the script would be imported when the runtime, or a
standard library module that it needs, imports `queue`. `install` adds a finder that checks which module imports. If a
program has such files, `load_apart` imports everything at once and leaves the names to the program.

This module imports only what the interpreter has imported already, because it is imported before everything else.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib_external import PathFinder
from _imp import is_frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from importlib.machinery import ModuleSpec
    from types import FrameType, ModuleType

__all__ = ["install", "load_apart"]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_OURS = _PACKAGE + os.sep
_STANDARD = os.path.dirname(os.path.abspath(os.__file__))
_FOR_THE_PROGRAM = tuple(
    os.path.join(_PACKAGE, "reload", *parts)
    for parts in (
        ("runtime", "start", "program.py"),
        ("runtime", "start", "roots.py"),
        ("engine", "program", "importing.py"),
    )
)
"""Modules that import on behalf of the program."""
_IN_BETWEEN = "_exec_by_hand"
"""A function of these modules: it is on the stack below every module that is loaded, whichever module imports it."""
_INSTALLED = ("site-packages", "dist-packages")
_NEEDED = ("anyio", "idna", "sniffio", "typing_extensions", "watchfiles")
"""The third-party libraries that the runtime imports."""
_AT_START = ("__main__", "encodings", "reloadls")
"""Modules that are imported before anything else runs."""


class _Finder:
    """Find modules that reloadls imports, directly or through its libraries.

    Args:
        entries: the part of `sys.path` to search.
    """

    def __init__(self, entries: Sequence[str]) -> None:
        self._entries = list(entries)
        inside = [entry for entry in entries if os.path.basename(entry) in _INSTALLED]
        self._libraries = ("<frozen ", *(entry + os.sep for entry in (_STANDARD, *inside)))

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Implement `importlib.abc.MetaPathFinder.find_spec`; return None for everything that the program imports."""
        if path is not None or name in sys.builtin_module_names or is_frozen(name):
            return None
        if not self._imported_by_us(sys._getframe(1)):
            return None
        spec = PathFinder.find_spec(name, self._entries, target)
        if spec is None and name in sys.stdlib_module_names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return spec

    def _imported_by_us(self, frame: FrameType | None) -> bool:
        """Return whether the innermost code on the stack that isn't a library's belongs to reloadls."""
        while frame is not None:
            file = frame.f_code.co_filename
            if frame.f_code.co_name == _IN_BETWEEN and file in _FOR_THE_PROGRAM:
                frame = frame.f_back
                continue
            if file.startswith(_OURS):
                # Imports at the top level of these modules are ours.
                return file not in _FOR_THE_PROGRAM or frame.f_code.co_name == "<module>"
            if not file.startswith(self._libraries):
                return False
            frame = frame.f_back
        return False


def install() -> None:
    """Add the finder in front of the others. A second call only moves it to the front again."""
    found = next((each for each in sys.meta_path if isinstance(each, _Finder)), None)
    if found is None:
        found = _Finder(_own_entries())
    else:
        sys.meta_path.remove(found)
    sys.meta_path.insert(0, found)


def _own_entries() -> list[str]:
    """Return the entries of `sys.path` from the standard library on; those before it are the program's."""
    entries = [entry for entry in sys.path if entry]
    start = entries.index(_STANDARD) if _STANDARD in entries else len(entries)
    own = entries[start:] or [_STANDARD, *(each for each in entries if os.path.basename(each) in _INSTALLED)]
    return [*own, os.path.dirname(_PACKAGE)]


def load_apart(load: Callable[[], object], *, before_program: bool = False) -> None:
    """Import everything that the runtime needs if the program has a module with such a name; else do nothing.

    The program then imports its own module by that name, while modules imported here keep the library's.

    Args:
        load: imports everything.
        before_program: whether nothing that is loaded was imported by the program.
    """
    held = _held_by_program()
    if not held:
        return
    programs = {} if before_program else _take_out(held)
    load()
    _take_out(held)
    sys.modules.update(programs)


def _held_by_program() -> set[str]:
    """Return the names of libraries that modules of the program shadow."""
    found: set[str] = set()
    for entry in sys.path:
        if entry == _STANDARD:
            break
        found.update(_names_in(entry or os.curdir))
    return {name for name in found & {*sys.stdlib_module_names, *_NEEDED} if _can_be_hidden(name)}


def _names_in(folder: str) -> Iterable[str]:
    try:
        return [name.partition(".")[0] for name in os.listdir(folder)]
    except OSError:  # an archive, or a folder that is missing
        return ()


def _can_be_hidden(name: str) -> bool:
    return name not in sys.builtin_module_names and not is_frozen(name) and name not in _AT_START


def _take_out(names: set[str]) -> dict[str, ModuleType]:
    """Remove the modules with these names, and their submodules, from `sys.modules`; return them."""
    found = [name for name in sys.modules if name.partition(".")[0] in names]
    return {name: sys.modules.pop(name) for name in found}
