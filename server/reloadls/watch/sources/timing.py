"""When a hinted change was made, as far as known."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

__all__ = ["changed_at"]

_LOOK_AT = 32
"""With more paths than this, their stamps are not read: the work continues anyway."""


def changed_at(
    paths: Sequence[str], noticed: float, bound: float, lstat: Callable[[str], os.stat_result] = os.lstat
) -> tuple[float, float]:
    """Return when the oldest and the newest of `paths` changed, in seconds of ``time.monotonic``.

    The file system's stamp is used if it is within the time in which the hint can have been caused. An old or future
    stamp (``touch -d``, ``cp -p``, ``tar x``) is ignored; then the time of the hint is used.

    Args:
        paths: the hinted paths. For a missing path, its folder's stamp is used.
        noticed: when the hint was noticed, in seconds of ``time.monotonic``.
        bound: how long before that the change can have been made, in seconds.
        lstat: `os.lstat`, or a guarded version of it.
    """
    if not paths or len(paths) > _LOOK_AT:
        return noticed - bound, noticed
    offset = time.time() - time.monotonic()
    stamps = [_stamp(path, lstat) - offset for path in paths]
    known = [stamp if noticed - bound <= stamp <= noticed else noticed for stamp in stamps]
    return min(known), max(known)


def _stamp(path: str, lstat: Callable[[str], os.stat_result]) -> float:
    """Return the wall-clock time, in seconds, of the last change to `path`, or to its folder; infinity if unknown."""
    for look_at in (path, os.path.dirname(path)):
        try:
            status = lstat(look_at)
        except (OSError, ValueError):
            continue
        # A POSIX ctime can't be set by hand, and every write and rename updates it. On Windows it is the creation time.
        return status.st_ctime if os.name == "posix" else status.st_mtime
    return float("inf")
