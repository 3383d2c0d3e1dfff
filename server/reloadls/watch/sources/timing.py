"""When a hinted change was made, as far as it can be known."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

__all__ = ["changed_at"]

_LOOK_AT = 32
"""With more paths than this the work goes on anyway, and looking would only cost."""


def changed_at(
    paths: Sequence[str], noticed: float, bound: float, lstat: Callable[[str], os.stat_result] = os.lstat
) -> tuple[float, float]:
    """When the oldest and the newest of `paths` changed, in seconds of ``time.monotonic``.

    The file system's own stamp is taken where it lies within the time in which the hint can have happened. So an old
    or future mtime (``touch -d``, ``cp -p``, ``tar x``) changes nothing: then it is when the hint was noticed.

    Args:
        paths: the hinted paths. What is gone is stamped in its folder.
        noticed: when the hint was noticed, in seconds of ``time.monotonic``.
        bound: how long before that it can have happened, in seconds.
        lstat: `os.lstat`, perhaps guarded.
    """
    if not paths or len(paths) > _LOOK_AT:
        return noticed - bound, noticed
    offset = time.time() - time.monotonic()
    stamps = [_stamp(path, lstat) - offset for path in paths]
    known = [stamp if noticed - bound <= stamp <= noticed else noticed for stamp in stamps]
    return min(known), max(known)


def _stamp(path: str, lstat: Callable[[str], os.stat_result]) -> float:
    """The wall-clock time, in seconds, of the last change to `path`, or to its folder if it is gone; else infinity."""
    for look_at in (path, os.path.dirname(path)):
        try:
            status = lstat(look_at)
        except (OSError, ValueError):
            continue
        # A POSIX ctime can't be set by hand, and every write and rename moves it; on Windows it is the creation.
        return status.st_ctime if os.name == "posix" else status.st_mtime
    return float("inf")
