"""Find files that changed while nothing watched them, by their timestamps."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

__all__ = ["TICK_S", "changed_since"]

TICK_S: Final = 0.02
"""How coarse file timestamps may be, in seconds."""


def changed_since(paths: Iterable[str], since: float) -> tuple[list[str], list[str]]:
    """Return the files written at or after a time, and the files that don't exist.

    Args:
        paths: files.
        since: seconds since the epoch.

    Returns:
        The written files, and the missing ones.
    """
    written, gone = [], []
    for path in paths:
        try:
            status = os.stat(path)
        except FileNotFoundError:
            gone.append(path)
        except OSError:
            continue
        else:
            # ctime can't be set: an older file that is moved here has changed, too.
            if max(status.st_mtime, status.st_ctime) >= since - TICK_S:
                written.append(path)
    return written, gone
