"""Processes that the program starts by `multiprocessing`'s spawn, as a web server does with its workers.

Such a process is a new interpreter, not a copy: it is told here, as it begins, to have a runtime of its own.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

from reloadls.reload.adapters.loading import when_loaded
from reloadls.reload.engine.reloader import HotReloader

from .here import Commit, set_up, set_up_already
from .place import Place

__all__ = ["begin", "cover_spawned"]

_log = logging.getLogger("reloadls.reload")

_BEGIN = """\
import sys
path, sys.path[:] = sys.path[:], [entry for entry in sys.path if entry]
try:
    from reloadls.base.own_imports import install
except ImportError:
    sys.path[:] = path
else:
    sys.path[:] = path
    install()
    from reloadls.reload.runtime.spawned import begin
    begin({name!r}, {roots!r}, debounce_ms={debounce_ms!r}, quiet={quiet!r}, follow={follow!r}, leaders={leaders!r})
"""
"""What the new interpreter runs first. An interpreter that has no reloadls runs as always."""


def cover_spawned(
    place: Place, *, debounce_ms: float, quiet: bool, follow: bool, leaders: tuple[int, ...] = ()
) -> None:
    """Have each process that is spawned from now on, by this one or by such a one, reload itself as this one does."""
    given = {"name": place.name, "roots": place.roots, "debounce_ms": debounce_ms, "quiet": quiet, "follow": follow}
    first = _BEGIN.format(**given, leaders=(*leaders, os.getpid()))

    def cover(spawn: ModuleType) -> None:
        vars(spawn)["get_command_line"] = _with_first(spawn.get_command_line, first)

    when_loaded("multiprocessing.spawn", cover)


def _with_first(plain: Callable[..., list[str]], first: str) -> Callable[..., list[str]]:
    def get_command_line(**given: Any) -> list[str]:
        line = plain(**given)
        if "-c" in line[:-1]:  # not in a program that was frozen into one file
            line[line.index("-c") + 1] = first + line[line.index("-c") + 1]
        return line

    return get_command_line


def begin(
    name: str, roots: tuple[str, ...], *, debounce_ms: float, quiet: bool, follow: bool, leaders: tuple[int, ...]
) -> None:
    """Start the runtime of a process that was spawned, unless it has one; where that is not possible, log why."""
    if set_up_already():
        return

    def make(commit: Commit) -> HotReloader:
        return HotReloader(roots, commit=commit, follow=follow)

    place = Place(name=name, roots=roots)
    try:
        cover_spawned(place, debounce_ms=debounce_ms, quiet=quiet, follow=follow, leaders=leaders)
        set_up(make, place, debounce_ms=debounce_ms, quiet=quiet, leaders=leaders)
    except Exception as error:  # whatever it is, the process is to do its work
        _log.warning("a process does not reload itself: %s: %s", type(error).__name__, error)
