"""Detect whether a source file has changed, while no program runs that would watch its own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

__all__ = ["SourceChanges"]

_MOST: Final = 20_000
_LEFT_OUT: Final = frozenset({"__pycache__", "node_modules", "site-packages", "venv"})
_OTHERS: Final = (".toml", ".json", ".yaml", ".yml", ".ini", ".cfg", ".env")

Stamp = tuple[int, int, int]


class SourceChanges:
    """Compares the files below some folders with their previous state. It polls, and only runs for a short time.

    Args:
        roots: the folders.
    """

    def __init__(self, roots: Iterable[str]) -> None:
        self._roots = tuple(roots)
        self._known = self._look()

    def changed(self) -> bool:
        """Return whether a file has changed since the last call."""
        before, self._known = self._known, self._look()
        return before != self._known

    def changed_since(self, begun_at: float) -> bool:
        """Return whether a Python file was written after `begun_at` (seconds since the epoch), as of the last scan."""
        return any(stamp[0] > begun_at * 1e9 for path, stamp in self._known.items() if path.endswith(".py"))

    def _look(self) -> dict[str, Stamp]:
        found: dict[str, Stamp] = {}
        for path, stamp in self._files():
            found[path] = stamp
            if len(found) >= _MOST:
                break
        return found

    def _files(self) -> Iterator[tuple[str, Stamp]]:
        waiting = list(self._roots)
        while waiting:
            try:
                entries = list(os.scandir(waiting.pop()))
            except OSError:
                continue
            for entry in entries:
                try:
                    if entry.is_dir(follow_symlinks=False):
                        if _is_entered(entry.name):
                            waiting.append(entry.path)
                    elif entry.name.endswith((".py", *_OTHERS)):
                        status = entry.stat()
                        yield entry.path, (status.st_mtime_ns, status.st_size, status.st_ino)
                except OSError:
                    continue


def _is_entered(name: str) -> bool:
    return not name.startswith(".") and name not in _LEFT_OUT
