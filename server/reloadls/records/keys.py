"""What names a record: its kind and its id, and which files are records."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

__all__ = ["SUFFIX", "Key", "key_of", "name_problem", "same_kind"]

Key = tuple[str, str]
"""(kind, id). The id is "" where something is about a kind's folder itself."""
SUFFIX: Final = ".json"
_LONGEST: Final = 255
"""Bytes of a file's name, as most file systems allow."""


def name_problem(name: str, *, suffix: str = SUFFIX) -> str | None:
    """Return why `name` is not a plain file name; None if it is.

    Args:
        name: a kind or an id.
        suffix: what follows it in the file's name.
    """
    if not name:
        return "is empty"
    if name.startswith("."):
        return "begins with a dot"
    if any(char in name for char in ("/", "\0", os.sep)):
        return "holds a path separator or a NUL"
    if not name.isprintable():
        return "holds a character that can't be printed"
    try:
        size = len((name + suffix).encode("utf-8"))
    except UnicodeEncodeError:
        return "is not Unicode text"
    return f"is longer than {_LONGEST - len(suffix)} bytes" if size > _LONGEST else None


def key_of(path: str, folder: str, kinds: Iterable[str]) -> Key | None:
    """Return the key of the record at `path`; None if it is none.

    Args:
        path: a file, absolute.
        folder: the folder of the kinds.
        kinds: the kinds that there are; empty: every folder.
    """
    kind, _, name = path[len(folder.rstrip(os.sep)) + 1 :].partition(os.sep)
    if not name.endswith(SUFFIX) or (kinds and kind not in kinds):
        return None
    record = name.removesuffix(SUFFIX)
    if name_problem(record) is not None or name_problem(kind, suffix="") is not None:
        return None
    return kind, record


def same_kind(asked: str, kind: str) -> bool:
    """Return whether `asked` is `kind`, or the one is the plural of the other."""
    return asked == kind or kind in _plurals(asked) or asked in _plurals(kind)


def _plurals(word: str) -> tuple[str, ...]:
    return (f"{word}s", f"{word}es", f"{word[:-1]}ies") if word.endswith("y") else (f"{word}s", f"{word}es")
