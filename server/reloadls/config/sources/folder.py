"""A folder with one file for each key, as Kubernetes mounts ConfigMaps and Secrets."""

from __future__ import annotations

import os
import stat

from reloadls.base.paths import absolute
from reloadls.config.errors import SourceFailed
from reloadls.config.formats.flat import flat_part
from reloadls.config.source import OwnSource, Part, Place
from reloadls.config.sources.files import decode, missing, read_bytes

__all__ = ["FolderSource"]

_DATA = "..data"


class FolderSource(OwnSource):
    """A folder with one file for each key: its name is the key, its content the value.

    One newline at the end of a file does not count. Names that begin with a dot and folders are ignored. Where the
    folder has a ``..data`` link, as in Kubernetes volumes, everything is read through what it leads to, so that an
    update is seen whole or not at all.

    Args:
        path: the folder.
        prefix: only files whose names begin with it; it is not part of the key.
        delimiter: what divides a name into nested keys: ``db__url`` is ``db.url``.
        required: whether the folder must exist.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, prefix: str = "", delimiter: str = "__", required: bool = True
    ) -> None:
        self.path = absolute(path)
        self.name = os.fspath(path)
        self.required = required
        self.paths = (self.path,)
        self.prefix, self.delimiter = prefix, delimiter

    def __repr__(self) -> str:
        return f"FolderSource({self.name!r})"

    def read(self) -> Part:
        """See `LocalSource.read`."""
        for _ in range(10):
            before = self._link()
            try:
                part = self._read(self.path if before is None else os.path.join(self.path, before))
            except SourceFailed:
                if self._link() == before:
                    raise
                continue
            if self._link() == before:
                return part
        raise SourceFailed("changes faster than it can be read", line=1, column=1)

    def _link(self) -> str | None:
        try:
            return os.readlink(os.path.join(self.path, _DATA))
        except OSError:
            return None

    def _read(self, folder: str) -> Part:
        try:
            names = sorted(os.listdir(folder))
        except FileNotFoundError:
            if self.required:
                raise missing("the folder") from None
            return Part(flat=True)
        except OSError as error:
            failed = SourceFailed(f"can't be read: {error.strerror}", line=1, column=1)
            raise failed from None
        found = []
        for name in names:
            path, own = os.path.join(folder, name), os.path.join(self.path, name)
            if name.startswith(".") or _is_folder(path):
                continue
            try:
                text = decode(read_bytes(path))
            except FileNotFoundError:  # deleted meanwhile
                continue
            except SourceFailed as error:
                raise SourceFailed(error.message, line=error.line, column=error.column, path=own, key=name) from None
            found.append((name, text.removesuffix("\n").removesuffix("\r"), Place(1, 1, own, name)))
        return flat_part(found, prefix=self.prefix, delimiter=self.delimiter)


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except OSError:
        return False
