"""Reads a file as text, within bounds, and says where it is wrong."""

from __future__ import annotations

import errno
import os
import stat

from reloadls.base.paths import absolute
from reloadls.config.errors import SourceFailed
from reloadls.config.source import OwnSource

__all__ = ["FileSource", "decode", "missing", "read_bytes", "shown_name"]

_MOST_BYTES = 16 * 1024 * 1024


class FileSource(OwnSource):
    """What all sources of one file share.

    Attributes:
        name: the file, as it was given.
        required: whether it must exist.
        paths: the file, absolute.
    """

    def __init__(self, path: str | os.PathLike[str], *, required: bool) -> None:
        self.path = absolute(path)
        self.name = os.fspath(path)
        self.required = required
        self.paths = (self.path,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def text(self) -> str | None:
        """Return the file's text; None if it is missing and need not exist.

        Raises:
            SourceFailed: it can't be read, or is not text.
        """
        try:
            data = read_bytes(self.path)
        except FileNotFoundError:
            if self.required:
                raise missing("the file") from None
            return None
        return decode(data)


def missing(what: str) -> SourceFailed:
    """Return the failure of something that has to exist."""
    return SourceFailed(f"{what} does not exist; create it, or make the source required=False", line=1, column=1)


def read_bytes(path: str) -> bytes:
    """Return the content of a regular file.

    Raises:
        FileNotFoundError: it does not exist.
        SourceFailed: it can't be read, or is larger than 16 MiB.
    """
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise FileNotFoundError(path) from None
        failed = SourceFailed(f"can't be read: {error.strerror}", line=1, column=1)
        raise failed from None
    try:
        return _all_of(fd)
    except OSError as error:
        failed = SourceFailed(f"can't be read: {error.strerror}", line=1, column=1)
        raise failed from None
    finally:
        os.close(fd)


def _all_of(fd: int) -> bytes:
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise SourceFailed("is not a regular file", line=1, column=1)
    parts, left = [], _MOST_BYTES + 1
    while left and (data := os.read(fd, min(left, 1 << 20))):
        parts.append(data)
        left -= len(data)
    if not left:
        raise SourceFailed(f"is larger than {_MOST_BYTES >> 20} MiB", line=1, column=1)
    return b"".join(parts)


def decode(data: bytes) -> str:
    """Return UTF-8 as text, without a byte order mark.

    Raises:
        SourceFailed: it is not UTF-8; says where.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        start = error.start if error.object is data or not data.startswith(b"\xef\xbb\xbf") else error.start + 3
    before = data[:start]
    line_start = before.rfind(b"\n") + 1
    raise SourceFailed(
        f"is not UTF-8: byte 0x{data[start]:02x}",
        line=before.count(b"\n") + 1,
        column=len(before[line_start:].decode("utf-8", "replace")) + 1,
    )


def shown_name(url: str) -> str:
    """Return a URL without what may be secret in it: the password, the query and the fragment."""
    head = url.partition("#")[0].partition("?")[0]
    scheme, mark, rest = head.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else head
