"""Which files changed since a moment, by their stamps: for what nobody watched then."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

__all__ = ["TICK_S", "changed_since"]

TICK_S: Final = 0.02
"""How coarse the stamps of files may be, in seconds."""


def changed_since(paths: Iterable[str], since: float) -> tuple[list[str], list[str]]:
    """Those of `paths` that were written at or after `since`, and those that are gone.

    Args:
        paths: files.
        since: seconds since the epoch.
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
            # ctime can't be set by hand: an older file that is moved here has changed, too.
            if max(status.st_mtime, status.st_ctime) >= since - TICK_S:
                written.append(path)
    return written, gone
