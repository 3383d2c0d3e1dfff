"""Where agents of one project coordinate: `.muse/coordination`, found upwards, with a folder for each kind."""

from __future__ import annotations

import os
from typing import Final

from reloadls.records.layout import Layout

__all__ = ["COORDINATION", "find_coordination", "make_kinds"]

COORDINATION: Final = os.path.join(".muse", "coordination")


def find_coordination(start: str) -> str | None:
    """Return the coordination folder of `start` or of the nearest folder above it; None if there is none."""
    folder = os.path.abspath(start)
    while True:
        found = os.path.join(folder, COORDINATION)
        if os.path.isdir(found):
            return found
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def make_kinds(folder: str, layout: Layout) -> None:
    """Create the folders of a layout's kinds that are missing.

    Raises:
        OSError: one can't be created.
    """
    for kind in layout.kinds:
        os.makedirs(os.path.join(folder, kind), exist_ok=True)
