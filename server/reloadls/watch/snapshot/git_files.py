"""Which files contain git's ignore rules, and what they say.

Besides the .gitignore files of a tree, which the scan reads, these are the .gitignore files above it in its repository,
the repository's ``info/exclude``, and the file that ``core.excludesFile`` names. The order of their patterns is git's:
https://git-scm.com/docs/gitignore
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from reloadls.watch.disk.guarded import GuardedDisk, TimedOut
from reloadls.watch.disk.links import link_chain
from reloadls.watch.scope.git_config import configured, global_files, system_file
from reloadls.watch.scope.patterns import Patterns
from reloadls.watch.scope.scope import GITIGNORE
from reloadls.watch.scope.wildcards import LONGEST_PATTERN
from reloadls.watch.snapshot.folder import RACY, Entry, entry_of
from reloadls.watch.snapshot.problems import Problem
from reloadls.watch.version_control import git_folder

__all__ = ["Denials", "GitFiles", "IgnoreFile", "OutsideRules"]

_GIT = ".git"
_LIMIT = 1 << 20
"""How many bytes of a file are read."""
_MOST_INCLUDES = 100
"""How many included configuration files are read; each is read once."""
_FLAGS = (
    os.O_RDONLY  # opening a pipe must not wait for a writer
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
_NO_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.EMLINK})
"""The file does not exist, or is a link that must not be followed."""

IgnoreFile = tuple[Entry, Patterns]
"""A file of patterns as last read."""


class Denials(Protocol):
    """Keeps track of unreadable paths."""

    def deny(self, path: str, error: Exception) -> None:
        """Note that `path` can't be read."""

    def allow(self, path: str) -> None:
        """Note that `path` can be read."""


@dataclass(frozen=True, slots=True)
class OutsideRules:
    """Rules for the entries of a folder from files outside its own tree.

    Attributes:
        nearest: (length of the folder's path with the separator, patterns) of each file, the innermost first.
        last: the same for files that count after every .gitignore file.
        files: every path whose change can change this.
    """

    nearest: tuple[tuple[int, Patterns], ...] = ()
    last: tuple[tuple[int, Patterns], ...] = ()
    files: tuple[str, ...] = ()


class GitFiles:
    """Reads these files. While a file can't be read, its last content stays in force.

    Args:
        disk: access to the disk.
    """

    def __init__(self, disk: GuardedDisk) -> None:
        self._disk = disk
        self._known: dict[str, IgnoreFile] = {}
        self._repositories: dict[str, OutsideRules] = {}
        self._problems: dict[str, Problem] = {}

    def refresh(self) -> None:
        """Forget repositories, so that the next comparison reads them again."""
        self._repositories.clear()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Parts of these files that are ignored, as problems."""
        return tuple(self._problems[path] for path in sorted(self._problems))

    def forget(self, path: str) -> None:
        """Forget the problems of the file at `path`."""
        self._problems.pop(path, None)

    def gitignore(self, path: str, known: IgnoreFile | None, denials: Denials) -> IgnoreFile | None:
        """Return the patterns of the .gitignore file at `path`, never through a link; None if it is not a file.

        Args:
            path: the file.
            known: its last content, which stays in force while the file can't be read.
            denials: notified whether the file can be read.
        """
        try:
            found = self._disk.call(path, _read, path, known, getattr(os, "O_NOFOLLOW", 0))
        except OSError as error:
            denials.deny(path, error)
            return known
        denials.allow(path)
        if found is None:
            self.forget(path)
        elif found is not known:
            self._note_problems(path, found)
        return found

    def outside_rules(self, root: str, denials: Denials) -> OutsideRules:
        """Return the outside rules for the entries of the root `root`; none outside of a repository."""
        gitignores: list[tuple[int, Patterns]] = []
        files: list[str] = []
        folder = root
        while not self._disk.lexists(os.path.join(folder, _GIT)):
            parent = os.path.dirname(folder)
            if parent == folder:
                return OutsideRules()
            folder = parent
            path = os.path.join(folder, GITIGNORE)
            files.append(path)
            self._keep(path, self.gitignore(path, self._known.get(path), denials))
            if path in self._known:
                gitignores.append((_base(folder), self._known[path][1]))
        repository = self.of_repository(folder, denials)
        return OutsideRules((*gitignores, *repository.nearest), repository.last, (*files, *repository.files))

    def of_repository(self, top: str, denials: Denials) -> OutsideRules:
        """Return the rules of a repository's own files for the entries of `top`, its working tree.

        A link to one of these files is followed, as in git.
        """
        known = self._repositories.get(top)
        if known is None:
            known = self._repositories[top] = self._read_repository(top, denials)
        return known

    def _read_repository(self, top: str, denials: Denials) -> OutsideRules:
        mark = os.path.join(top, _GIT)
        files = dict.fromkeys([mark])
        try:
            common = self._disk.follow(mark, _common_folder)
        except (OSError, ValueError):
            return OutsideRules(files=tuple(files))
        exclude = os.path.join(common, "info", "exclude")
        excludes = self._excludes_file(top, os.path.join(common, "config"), files, denials)
        nearest = self._followed(exclude, files, denials)
        last = self._followed(excludes, files, denials)
        base = _base(top)
        return OutsideRules(
            ((base, nearest),) if nearest else (),
            ((base, last),) if last else (),
            tuple(files),
        )

    def _excludes_file(self, top: str, own: str, files: dict[str, None], denials: Denials) -> str:
        """Return the file that ``core.excludesFile`` names, or its default."""
        home = os.path.expanduser("~")
        settings = os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
        named: str | None = None
        read: set[str] = set()
        for path in (*system_file(), *global_files(home, settings), own):
            for value in self._values(path, files, denials, read):
                named = value
        if named is None:
            return os.path.join(settings, "git", "ignore")
        return os.path.join(top, os.path.expanduser(named)) if named else ""

    def _values(self, path: str, files: dict[str, None], denials: Denials, read: set[str]) -> Iterator[str]:
        """Yield each ``core.excludesFile`` in a configuration file, and in the included files that were not `read`."""
        read.add(path)
        text = self._text(path, files, denials)
        for name, value in configured(text):
            if name == "core.excludesfile":
                yield value
            elif name == "include.path" and value and len(read) < _MOST_INCLUDES:
                included = os.path.normpath(os.path.join(os.path.dirname(path), os.path.expanduser(value)))
                if included not in read:
                    yield from self._values(included, files, denials, read)

    def _text(self, path: str, files: dict[str, None], denials: Denials) -> str:
        try:
            self._note_link_chain(path, files)
            found = self._disk.follow(path, partial(_content, flags=0))
        except PermissionError:  # for example another user's file, since `sudo` kept HOME: git ignores it, too
            return ""
        except OSError as error:
            denials.deny(path, error)
            return ""
        denials.allow(path)
        return "" if found is None else os.fsdecode(found[1])

    def _followed(self, path: str, files: dict[str, None], denials: Denials) -> Patterns:
        if not os.path.isabs(path):
            return _NOTHING
        try:
            self._note_link_chain(path, files)
            found = self._disk.follow(path, partial(_read, known=self._known.get(path), flags=0))
        except OSError as error:
            denials.deny(path, error)
            return self._known[path][1] if path in self._known else _NOTHING
        denials.allow(path)
        if found is not None and found is not self._known.get(path):
            self._note_problems(path, found)
        self._keep(path, found)
        return _NOTHING if found is None else found[1]

    def _note_link_chain(self, path: str, files: dict[str, None]) -> None:
        files.update(dict.fromkeys((path, *link_chain(path, self._disk.readlink, whole=True))))

    def _keep(self, path: str, found: IgnoreFile | None) -> None:
        if found is None:
            self._known.pop(path, None)
            self.forget(path)
        else:
            self._known[path] = found

    def _note_problems(self, path: str, found: IgnoreFile) -> None:
        reason = None
        if found[0][1] > _LIMIT:
            reason = f"only the first {_LIMIT >> 20} MiB of {path} count"
        elif found[1].refused:
            lines = ", ".join(map(str, found[1].refused[:5]))
            reason = f"{path}: longer than {LONGEST_PATTERN} characters and ignored: line {lines}"
        if reason is None:
            self._problems.pop(path, None)
        else:
            self._problems[path] = Problem("badPattern", reason, path)


_NOTHING = Patterns(())


def _base(folder: str) -> int:
    return len(folder.rstrip(os.sep)) + 1


def _common_folder(mark: str) -> str:
    """Return the folder of the files that all working trees of a repository share.

    Raises:
        OSError, ValueError: `mark` does not belong to a repository. See https://git-scm.com/docs/gitrepository-layout
    """
    folder = git_folder(mark)
    found = _content(os.path.join(folder, "commondir"), flags=0)
    return folder if found is None else os.path.normpath(os.path.join(folder, os.fsdecode(found[1]).strip("\n")))


def _read(path: str, known: IgnoreFile | None, flags: int) -> IgnoreFile | None:
    """Return the patterns of `path`, parsed again only if it may have changed; None if it is not a file.

    Raises:
        OSError: it can't be read.
    """
    found = _content(path, flags, known and known[0])
    if found is None:
        return None
    entry, content = found
    if known is not None and known[0] == entry and not entry[3] & RACY:
        return known
    lines = os.fsdecode(content).removeprefix("\ufeff").split("\n")
    if entry[1] > len(content):
        del lines[-1]  # the last line is incomplete
    return entry, Patterns(lines)


def _content(path: str, flags: int, known: Entry | None = None) -> tuple[Entry, bytes] | None:
    """Return entry and content of `path`; no content if it is as `known`; None if it is not a file.

    Raises:
        OSError: it can't be read.
    """
    try:
        descriptor = os.open(path, _FLAGS | flags)
    except TimedOut:
        raise
    except OSError as error:
        if error.errno in _NO_FILE:
            return None
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        entry = entry_of(status)
        if known == entry and not entry[3] & RACY:
            return entry, b""
        parts, left = list[bytes](), _LIMIT
        while left and (part := os.read(descriptor, left)):
            parts.append(part)
            left -= len(part)
        return entry, b"".join(parts)
    finally:
        os.close(descriptor)
