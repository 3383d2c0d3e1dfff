"""The files of one folder, packed while they don't change: a fifth of the memory of a dict."""

from __future__ import annotations

import os
import struct
from collections.abc import ItemsView, Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from reloadls.base.paths import prefix_of

__all__ = ["Entry", "Files", "FilesByFolder"]

Entry = tuple[int, int, int, int, int, int]
"""(mtime_ns, size, inode, flags, ctime_ns, device) of a file, or of the file that a link leads to.

An mtime can be set by hand, so a newer ctime may mean other content. ctime and device are 0 if unknown: on Windows, and
for entries of an earlier process.
"""

_ROW = struct.Struct("<qQQBq")
"""mtime, size, inode, flags, ctime of one file; the device, which they share, precedes the first."""
_DEVICE = struct.Struct("<Q")
_MOST = 256
"""Larger folders stay a dict: unpacking one for a single save would take too long."""
_BETWEEN = "/"
"""No name contains it."""


class Files(MutableMapping[str, Entry]):
    """Name → entry, like a dict. `pack` packs it; the first change unpacks it again.

    ``name in files`` is safe on any thread while another thread changes it.

    Args:
        files: the initial entries; this object owns the dict from now on.
    """

    __slots__ = ("_names", "_rows", "_unpacked_files")

    def __init__(self, files: dict[str, Entry] | None = None) -> None:
        self._unpacked_files = files
        self._names = ""
        self._rows = b""
        self.pack()

    @property
    def is_packed(self) -> bool:
        """Whether it is packed."""
        return self._unpacked_files is None

    def unpack(self) -> dict[str, Entry]:
        """Unpack it; return the dict that holds the entries until `pack`."""
        hot = self._unpacked_files
        if hot is None:
            hot = self._unpacked_files = self._unpacked()  # keep the packed form: another thread may be reading it
        return hot

    def pack(self) -> None:
        """Pack it, unless it is too large or an entry can't be packed."""
        hot = self._unpacked_files
        if hot is None or len(hot) > _MOST:
            return
        try:
            rows = _packed(hot)
        except (struct.error, ValueError):
            return
        self._names = _BETWEEN.join(("", *hot, "")) if hot else ""
        self._rows = rows
        self._unpacked_files = None

    def __contains__(self, name: object) -> bool:
        """Return whether there is such a file."""
        hot = self._unpacked_files
        if hot is not None:
            return name in hot
        return isinstance(name, str) and _BETWEEN not in name and f"{_BETWEEN}{name}{_BETWEEN}" in self._names

    def __getitem__(self, name: str) -> Entry:
        """Return the entry of `name` without unpacking."""
        return (self._unpacked() if self._unpacked_files is None else self._unpacked_files)[name]

    def __setitem__(self, name: str, entry: Entry) -> None:
        """Set the entry of `name`."""
        self.unpack()[name] = entry

    def __delitem__(self, name: str) -> None:
        """Remove `name`."""
        del self.unpack()[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over all names."""
        if self._unpacked_files is not None:
            return iter(self._unpacked_files)
        return iter(self._names[1:-1].split(_BETWEEN) if self._names else ())

    def get(self, name: str, default: Any = None) -> Any:
        """Return the entry of `name`, or `default`."""
        hot = self._unpacked_files
        if hot is None:
            hot = self._unpacked() if name in self else {}
        return hot.get(name, default)

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self._rows) // _ROW.size if self._unpacked_files is None else len(self._unpacked_files)

    def items(self) -> ItemsView[str, Entry]:
        """Return all files and their entries without unpacking."""
        return (self._unpacked() if self._unpacked_files is None else self._unpacked_files).items()

    def _unpacked(self) -> dict[str, Entry]:
        if not self._rows:
            return {}
        (device,) = _DEVICE.unpack_from(self._rows)
        rows = _ROW.iter_unpack(memoryview(self._rows)[_DEVICE.size :])
        names = self._names[1:-1].split(_BETWEEN)
        return {name: (*row, device) for name, row in zip(names, rows, strict=True)}


class FilesByFolder(Mapping[str, Entry]):
    """Path → entry of the files of many folders; each folder is packed when the next one begins.

    Args:
        files: absolute paths and their entries; all paths below a folder are adjacent.
    """

    def __init__(self, files: Iterable[tuple[str, Entry]]) -> None:
        self._folders: dict[str, Files] = {}
        self._count = 0
        open_ones: list[tuple[str, Files]] = []
        for path, entry in files:
            at, _, name = path.rpartition(os.sep)
            while open_ones and at != open_ones[-1][0]:
                if at.startswith(prefix_of(open_ones[-1][0])):
                    break
                open_ones.pop()[1].pack()
            if not open_ones or open_ones[-1][0] != at:
                open_ones.append((at, self._folders.setdefault(at, Files())))
            folder = open_ones[-1][1]
            self._count += name not in folder
            folder[name] = entry
        for _, folder in open_ones:
            folder.pack()

    def __getitem__(self, path: str) -> Entry:
        """Return the entry of `path`."""
        at, _, name = path.rpartition(os.sep)
        return self._folders[at][name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over all paths."""
        return (os.sep.join((at, name)) for at, folder in self._folders.items() for name in folder)

    def __len__(self) -> int:
        """Return the number of files."""
        return self._count

    def folders(self) -> Iterator[tuple[str, Files]]:
        """Yield every folder that has files, and its files."""
        return ((at or os.sep, files) for at, files in self._folders.items())


def _packed(files: Mapping[str, Entry]) -> bytes:
    """Return the entries of `files` without their names.

    Raises:
        struct.error: a number does not fit.
        ValueError: the files are on several devices.
    """
    if not files:
        return b""
    devices = {entry[5] for entry in files.values()}
    if len(devices) > 1:
        raise ValueError("files of several devices")
    pack = _ROW.pack
    return _DEVICE.pack(*devices) + b"".join([pack(*entry[:5]) for entry in files.values()])
