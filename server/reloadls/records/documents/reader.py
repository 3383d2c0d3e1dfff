"""Read the files of records without ever leaving their folder. It blocks: use it on a disk thread."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from typing import Final

from reloadls.records.documents.document import MAX_BYTES, Document, broken, parse
from reloadls.records.keys import SUFFIX, Key

__all__ = ["linked_kinds", "read_documents"]

_POSIX: Final = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_DIRECTORY: Final = getattr(os, "O_DIRECTORY", 0)
_LINK_ERRORS: Final = (errno.ELOOP, errno.EMLINK)
_GONE: Final = (FileNotFoundError, NotADirectoryError)


class _Outside(Exception):
    """A link leads out of the folder."""


def read_documents(folder: str, keys: Iterable[Key]) -> dict[Key, Document | None]:
    """Read the files of records.

    A link is followed if it leads to a file inside of the folder, and never otherwise: every step of its target is
    opened without following further links.

    Args:
        folder: the folder of the kinds.
        keys: the records.

    Returns:
        Key → its document; None if there is no such file.
    """
    found: dict[Key, Document | None] = {}
    with _Folder(folder) as opened:
        for key in keys:
            found[key] = _read(opened, key)
    return found


def linked_kinds(folder: str, kinds: Iterable[str] | None) -> dict[str, str]:
    """Return kind → where it leads, of the kinds' folders that are links.

    Args:
        folder: the folder of the kinds.
        kinds: which to look at; None: all that exist.
    """
    names: Iterable[str]
    if kinds is None:
        try:
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries if entry.is_symlink() and not entry.name.startswith(".")]
        except OSError:
            return {}
    else:
        names = kinds
    links: dict[str, str] = {}
    for name in names:
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError):
            if os.path.islink(path) and os.path.isdir(path):
                links[name] = os.readlink(path)
    return links


def _read(opened: _Folder, key: Key) -> Document | None:
    try:
        return parse(opened.read(key))
    except _GONE:
        return None
    except _Outside as link:
        return broken(f"it is a link that leads out of the folder, to {link}")
    except IsADirectoryError:
        return None
    except OSError as error:
        return broken(f"it can't be read: {error.strerror or error}", readable=False)


class _Folder:
    """The folder of the kinds, with the folders that were needed so far kept open."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._kinds: dict[str, int] = {}
        self._root: int | None = None

    def __enter__(self) -> _Folder:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in (*self._kinds.values(), *([] if self._root is None else [self._root])):
            os.close(fd)

    def read(self, key: Key) -> bytes:
        """Return the bytes of a record's file, at most one more than allowed.

        Raises:
            _Outside: it is a link that leads out of the folder.
            OSError: it can't be read.
        """
        kind, name = key[0], key[1] + SUFFIX
        if not _POSIX:
            return self._read_by_path(os.path.join(self._folder, kind, name))
        try:
            fd = os.open(name, _FLAGS | _NOFOLLOW, dir_fd=self._kind(kind))
        except OSError as error:
            if error.errno not in _LINK_ERRORS:
                raise
            fd = self._open_inside(os.path.join(self._folder, kind, name))
        return _content(fd)

    def _kind(self, kind: str) -> int:
        if kind not in self._kinds:
            self._kinds[kind] = os.open(kind, _FLAGS | _NOFOLLOW | _DIRECTORY, dir_fd=self._top())
        return self._kinds[kind]

    def _top(self) -> int:
        if self._root is None:
            self._root = os.open(self._folder, _FLAGS | _DIRECTORY)
        return self._root

    def _open_inside(self, path: str) -> int:
        """Open the target of the link at `path`, one step after the other, none of them a link."""
        *folders, last = self._steps(path)
        with contextlib.ExitStack() as opened:
            at = self._top()
            for step in folders:
                at = os.open(step, _FLAGS | _NOFOLLOW | _DIRECTORY, dir_fd=at)
                opened.callback(os.close, at)
            return os.open(last, _FLAGS | _NOFOLLOW, dir_fd=at)

    def _steps(self, path: str) -> Iterator[str]:
        top, target = os.path.realpath(self._folder), os.path.realpath(path)
        if not target.startswith(top.rstrip(os.sep) + os.sep):
            raise _Outside(target)
        return iter(os.path.relpath(target, top).split(os.sep))

    def _read_by_path(self, path: str) -> bytes:
        if os.path.islink(path):
            list(self._steps(path))
        return _content(os.open(path, _FLAGS))


def _content(fd: int) -> bytes:
    """Read and close a descriptor."""
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise FileNotFoundError(errno.ENOENT, "not a regular file")
        parts: list[bytes] = []
        left = MAX_BYTES + 1
        while left > 0 and (part := os.read(fd, left)):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
    finally:
        os.close(fd)
