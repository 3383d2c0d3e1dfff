"""Send each change to the server once: the editor reports some changes, too."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Final

__all__ = ["Deduplicator"]

_KEPT: Final = 20_000

_Stamp = tuple[int, int, int] | None


class Deduplicator:
    """The changes sent to the server lately, and who reported them.

    Two reports are of one change if the file's stamp is the same. So of two changes in quick succession, one reported
    by the editor and one by the proxy, neither is lost.

    Args:
        within: seconds for which a report is remembered; a later report is a new change.
    """

    def __init__(self, within: float) -> None:
        self._within = within
        self._reported: OrderedDict[tuple[str, bool], tuple[_Stamp, float]] = OrderedDict()

    def is_new(self, path: str, gone: bool, by_editor: bool, now: float) -> bool:
        """Return whether the server must receive this change; if so, remember it. Reads the file's stamp.

        Args:
            path: the file.
            gone: whether it was deleted.
            by_editor: whether the editor reported the change.
            now: the time in seconds, of a monotonic clock.
        """
        stamp = _stamp(path)
        other = self._reported.get((path, not by_editor))
        self._reported.pop((path, by_editor), None)
        self._forget(now)
        if (stamp is None) != gone:  # it has changed again, which will be reported, too
            return True
        if other is not None and other[0] == stamp and now - other[1] <= self._within:
            return False
        self._reported[path, by_editor] = (stamp, now)
        return True

    def was_reported(self, path: str) -> bool:
        """Return whether the editor has reported `path` lately."""
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
