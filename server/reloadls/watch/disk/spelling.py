"""Which names a folder really contains, where the file system treats other spellings as the same name.

A file system may ignore case (macOS, Windows), or how a letter with an accent is composed (macOS). Then a lookup of a
name succeeds with each of its spellings. Only the folder's listing says which one exists.
"""

from __future__ import annotations

import os
import unicodedata

from reloadls.watch.disk.guarded import GuardedDisk

__all__ = ["Spellings", "folded"]


def folded(path: str) -> str:
    """Return the same text for all spellings of `path` that a file system may treat as one."""
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", path.casefold())


class Spellings:
    """The listings that one comparison needs; each folder is read once."""

    __slots__ = ("_disk", "_listed")

    def __init__(self, disk: GuardedDisk) -> None:
        self._disk = disk
        self._listed: dict[str, frozenset[str]] = {}

    def names(self, folder: str, name: str, status: os.stat_result) -> frozenset[str] | None:
        """Return the names in `folder`, if the file is also found under another spelling of `name`; else None.

        Args:
            folder: where it is.
            name: the spelling by which it was found.
            status: its status.
        """
        listed = self._listed.get(folder)
        if listed is None and any(self._is_same(os.path.join(folder, other), status) for other in _spellings(name)):
            listed = self._listed[folder] = frozenset(entry.name for entry in self._disk.list(folder))
        return listed

    def _is_same(self, path: str, status: os.stat_result) -> bool:
        try:
            found = self._disk.lstat(path)
        except (OSError, ValueError):
            return False
        return (found.st_ino, found.st_dev) == (status.st_ino, status.st_dev)


def _spellings(name: str) -> set[str]:
    """Return other spellings of `name`: in the other case and, beyond ASCII, composed and decomposed."""
    spellings = {name.swapcase()}
    if not name.isascii():
        spellings |= {unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)}
    return spellings - {name}
