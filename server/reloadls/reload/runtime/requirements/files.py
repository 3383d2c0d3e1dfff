"""Which files demand something, what they demand, and what an edit of them changed."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from reloadls.reload.engine.regular_files import read_file

from .demands import Demand, Include, InvalidFile, parse_requirements
from .lock_files import parser_of

__all__ = ["Changed", "Contents", "FileDemands", "demands_of", "difference", "is_requirement_file", "read_files"]

_PATTERNS: Final = (
    "requirements*.txt",
    "requirements/*.txt",
    "pyproject.toml",
    "uv.lock",
    "poetry.lock",
    "pylock.toml",
    "pylock.*.toml",
)
_LOCKS: Final = ("uv.lock", "poetry.lock", "pylock.toml")
"""The first of them in a folder counts, and counts instead of pyproject.toml."""
_MOST_FILES: Final = 200
_LARGEST: Final = 32 * 1024 * 1024

Contents = Mapping[str, bytes]
"""Path → what the file contained."""


@dataclass(frozen=True, slots=True)
class FileDemands:
    """What one file and the files it includes demand."""

    demands: tuple[Demand, ...] = ()
    error: str = ""
    """Why it can't be parsed."""
    error_path: str = ""
    error_line: int = 0

    @property
    def keys(self) -> frozenset[str]:
        """The normal forms of all demands."""
        return frozenset(each.key for each in self.demands)


@dataclass(frozen=True, slots=True)
class Changed:
    """What an edit changed in one file's demands."""

    path: str
    now: FileDemands
    added: tuple[Demand, ...] = field(default=())
    removed: tuple[Demand, ...] = field(default=())


def is_requirement_file(path: str, roots: Iterable[str]) -> bool:
    """Return whether a file counts by its name and place."""
    for root in roots:
        if path.startswith(root.rstrip(os.sep) + os.sep):
            inside = os.path.relpath(path, root).replace(os.sep, "/")
            if any(fnmatch.fnmatchcase(inside, each) and inside.count("/") == each.count("/") for each in _PATTERNS):
                return True
    return False


def read_files(roots: Iterable[str]) -> dict[str, bytes]:
    """Return the contents of the requirement files in some folders, and of the files that they include.

    Args:
        roots: the folders.
    """
    roots = tuple(roots)
    waiting = [path for root in roots for path in _candidates(root) if is_requirement_file(path, roots)]
    found: dict[str, bytes] = {}
    while waiting and len(found) < _MOST_FILES:
        path = waiting.pop(0)
        if path in found:
            continue
        try:
            found[path] = read_file(path, _LARGEST)
        except OSError:  # gone, or no file: it demands nothing
            continue
        if parser_of(os.path.basename(path)) is None:
            waiting += [
                _resolved(each, path)
                for each in parse_requirements(_text(found[path]), path)
                if isinstance(each, Include)
            ]
    return found


def _candidates(root: str) -> list[str]:
    paths = []
    for folder in (root, os.path.join(root, "requirements")):
        try:
            paths += [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
        except OSError:
            continue
    return paths


def demands_of(contents: Contents, roots: Iterable[str]) -> dict[str, FileDemands]:
    """Return what each requirement file demands. One that includes another one does not demand what that one does.

    Args:
        contents: what `read_files` returned.
        roots: the folders.
    """
    roots = tuple(roots)
    tops = [path for path in contents if is_requirement_file(path, roots)]
    return {path: _file_demands(path, contents, frozenset(tops)) for path in tops if not _is_covered(path, contents)}


def _is_covered(path: str, contents: Contents) -> bool:
    """Return whether a lock file beside this file counts instead."""
    folder, name = os.path.split(path)
    if name == "pyproject.toml":  # uv updates its lock file from it
        return any(os.path.join(folder, lock) in contents for lock in _LOCKS[1:])
    before = _LOCKS[: _LOCKS.index(name)] if name in _LOCKS else ()
    return any(os.path.join(folder, lock) in contents for lock in before)


def _file_demands(path: str, contents: Contents, tops: frozenset[str]) -> FileDemands:
    found: list[Demand] = []
    done: set[str] = set()
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if current in done or current not in contents:
            continue
        done.add(current)
        text, parser = _text(contents[current]), parser_of(os.path.basename(current))
        try:
            for each in parse_requirements(text, current) if parser is None else parser(text, current):
                if isinstance(each, Demand):
                    found.append(each)
                    continue
                included = _resolved(each, current)
                found.append(Demand(f"{'-c' if each.is_constraint else '-r'} {included}", "", current, 1))
                if included not in tops:
                    waiting.append(included)
        except InvalidFile as error:
            return FileDemands(tuple(found), str(error), current, error.line)
    return FileDemands(tuple(found))


def difference(before: Mapping[str, FileDemands], now: Mapping[str, FileDemands]) -> list[Changed]:
    """Return the files whose demands have changed, or that can't be parsed any more."""
    found = []
    for path in dict.fromkeys((*before, *now)):
        old, new = before.get(path, FileDemands()), now.get(path, FileDemands())
        added = tuple(each for each in new.demands if each.key not in old.keys)
        removed = tuple(each for each in old.demands if each.key not in new.keys)
        if new.error or added or removed:
            found.append(Changed(path, new, added, removed))
    return found


def _resolved(include: Include, path: str) -> str:
    return os.path.normpath(os.path.join(os.path.dirname(path), os.path.expandvars(include.file)))


def _text(data: bytes) -> str:
    return data.decode("utf-8-sig", "replace")
