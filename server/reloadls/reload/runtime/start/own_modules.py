"""Import every module the runtime may ever need; imports nothing else before."""

from __future__ import annotations

import os
import sys

from reloadls.base import PACKAGE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["load_all"]

_PARTS = ("base", "watch", "wire", "reload")
_WITH_EFFECTS = ("__main__", "auto", "jsonio")
_LATE = (
    "concurrent.futures.thread",
    "encodings.idna",
    "inspect",
    "linecache",
    "subprocess",
    "termios",
    "traceback",
    "zipfile",
)
"""Modules of the standard library that are imported inside functions the runtime calls."""


def load_all() -> None:
    """Import all modules that the runtime may need."""
    for name in (*_own_modules(), *_LATE):
        try:
            __import__(name)
        except ImportError:  # for another system
            continue
    sys.modules["concurrent.futures"].ThreadPoolExecutor  # noqa: B018 - imported on first use


def _own_modules() -> Iterator[str]:
    for part in _PARTS:
        for folder, _, files in os.walk(os.path.join(PACKAGE, part)):
            package = os.path.relpath(folder, os.path.dirname(PACKAGE)).replace(os.sep, ".")
            for file in sorted(files):
                stem, suffix = os.path.splitext(file)
                if suffix == ".py" and stem not in _WITH_EFFECTS:
                    yield package if stem == "__init__" else f"{package}.{stem}"
