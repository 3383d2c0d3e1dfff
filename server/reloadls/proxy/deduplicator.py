"""Was that said already? The editor tells some changes itself, and the server is to hear of each once."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Final

__all__ = ["Deduplicator"]

_KEPT: Final = 20_000

_Stamp = tuple[int, int, int] | None


class Deduplicator:
    """What the server was told lately, and by whom.

    Two tellings are of one change if the file has not changed in between, which its stamp says: so of two changes
    in quick succession, one told by the editor and one by us, neither is lost.

    Args:
        within: seconds for which a telling is remembered. The same told later is meant.
    """

    def __init__(self, within: float) -> None:
        self._within = within
        self._reported: OrderedDict[tuple[str, bool], tuple[_Stamp, float]] = OrderedDict()

    def is_new(self, path: str, gone: bool, by_editor: bool, now: float) -> bool:
        """Whether the server is to be told that `path` has changed, or is gone; if so, that is remembered.

        Looks at the file, since what has changed again is news.
        """
        stamp = _stamp(path)
        other = self._reported.get((path, not by_editor))
        self._reported.pop((path, by_editor), None)
        self._forget(now)
        if (stamp is None) != gone:  # it has changed again already, and that will be told, too
            return True
        if other is not None and other[0] == stamp and now - other[1] <= self._within:
            return False
        self._reported[path, by_editor] = (stamp, now)
        return True

    def was_reported(self, path: str) -> bool:
        """Whether the editor has told of `path` lately."""
        return (path, True) in self._reported

    def _forget(self, now: float) -> None:
        while self._reported:
            key, (_, at) = next(iter(self._reported.items()))
            if len(self._reported) <= _KEPT and now - at <= self._within:
                return
            del self._reported[key]


def _stamp(path: str) -> _Stamp:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
