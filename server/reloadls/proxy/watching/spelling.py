"""Which path does a URI mean, and how does the editor spell a file's URI? Imports the protocol's URIs."""

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
    """The URIs that the editor spells in another way than `to_uri`; beyond 10,000 the oldest are forgotten."""

    def __init__(self) -> None:
        self._uris: OrderedDict[str, str] = OrderedDict()

    def note(self, uri: str) -> None:
        """The editor has named a file by this URI; the last spelling counts."""
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
        """The editor's spelling; None if it has named no such file, or spells it as we do."""
        return self._uris.get(path)


def folder_paths(folders: Iterable[str]) -> list[str]:
    """The paths of folders given as URIs or absolute paths, each once; what is neither is logged and left out."""
    paths: dict[str, None] = {}
    for folder in folders:
        try:
            path = from_uri(folder) if _SCHEME.match(folder) else folder
            if not os.path.isabs(path):
                raise ValueError("must be an absolute path or a file:// URI")
            os.fsencode(path)
        except ValueError as error:
            _log.warning("a workspace folder can't be watched: %.200r %s", folder, error)
            continue
        paths[os.path.normpath(path).replace("//", "/", 1)] = None
    return list(paths)
