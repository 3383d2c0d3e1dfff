"""One spelling for each path."""

from __future__ import annotations

import os

__all__ = ["absolute"]


def absolute(path: str | os.PathLike[str]) -> str:
    """Return `path` made absolute and normal, links not followed.

    POSIX lets a path that begins with just two slashes mean something else, so `os.path.abspath` keeps them; Linux and
    macOS name no file by them that one slash does not name.
    """
    made = os.path.abspath(os.fspath(path))
    return made[1:] if os.name == "posix" and made.startswith("//") else made
