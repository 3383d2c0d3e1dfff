"""Paths as text: normal form, prefixes and ancestors. Nothing here accesses the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

__all__ = ["absolute", "ancestors", "is_within", "outermost", "prefix_of"]


def absolute(path: str | os.PathLike[str]) -> str:
    """Return `path` as a normalized absolute path; links are not followed.

    POSIX allows a path that begins with exactly two slashes to mean something else, so `os.path.abspath` keeps them. On
    Linux and macOS they mean the same as one.
    """
    made = os.path.abspath(os.fspath(path))
    return made[1:] if os.name == "posix" and made.startswith("//") else made


def prefix_of(folder: str) -> str:
    """Return the prefix of every path below `folder`."""
    return folder if folder.endswith(os.sep) else folder + os.sep


def is_within(path: str, folders: Iterable[str]) -> bool:
    """Return whether `path` is one of `folders` or below one of them."""
    return any(path == folder or path.startswith(prefix_of(folder)) for folder in folders)


def outermost(paths: Iterable[str]) -> set[str]:
    """Return `paths` without those that are below another of them."""
    all_of_them = set(paths)
    return {path for path in all_of_them if all_of_them.isdisjoint(ancestors(path))}


def ancestors(path: str) -> Iterator[str]:
    """Yield each folder above `path`, the nearest first."""
    while (parent := os.path.dirname(path)) != path:
        yield parent
        path = parent
