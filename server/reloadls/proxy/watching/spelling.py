"""Map paths to the editor's spelling of their URIs, and workspace folders to paths."""

from __future__ import annotations

import logging
import os
import re
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from reloadls.wire.uris import from_uri, to_uri

__all__ = ["Spelling", "folder_paths"]

_KEPT: Final = 10_000
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_log = logging.getLogger("reloadls.proxy")


class Spelling:
    """The URIs that the editor spells differently from `to_uri`; beyond 10,000 the oldest are dropped."""

    def __init__(self) -> None:
        self._uris: OrderedDict[str, str] = OrderedDict()

    def note(self, uri: str) -> None:
        """Note a URI that the editor used; the last spelling of a file counts."""
        try:
            path = from_uri(uri)
            usual = to_uri(path)
        except ValueError:
            return
        self._uris.pop(path, None)
        if uri != usual:
            self._uris[path] = uri
        if len(self._uris) > _KEPT:
            self._uris.popitem(last=False)

    def of(self, path: str) -> str | None:
        """Return the editor's spelling of a path; None if it is unknown, or the same as `to_uri`."""
        return self._uris.get(path)


def folder_paths(folders: Iterable[str]) -> list[str]:
    """Return the distinct paths of folders; invalid ones are logged and ignored.

    Args:
        folders: URIs or absolute paths.
    """
    paths: dict[str, None] = {}
    for folder in folders:
        try:
            path = from_uri(folder) if _SCHEME.match(folder) else folder
            if not os.path.isabs(path):
                raise ValueError("must be an absolute path or a file:// URI")
            os.fsencode(path)
        except ValueError as error:
            _log.warning("ignoring a workspace folder: %.200r %s", folder, error)
            continue
        paths[os.path.normpath(path).replace("//", "/", 1)] = None
    return list(paths)
