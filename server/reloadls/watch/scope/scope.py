"""Which paths count: roots, include and exclude patterns, and .gitignore files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property
from typing import Protocol

from reloadls.base.paths import absolute
from reloadls.watch.scope.patterns import Patterns

__all__ = ["BUILT_IN_EXCLUDES", "GITIGNORE", "Rules", "Scope"]

GITIGNORE = ".gitignore"
_MEMO_LIMIT = 50_000

BUILT_IN_EXCLUDES = (
    # version control
    ".git", ".hg/", ".svn/", ".jj/", ".bzr/", "CVS/", "_darcs/", ".sl/",
    # bytecode and the caches of Python tools
    "__pycache__/", "*.py[co]", ".mypy_cache/", ".pytest_cache/", ".ruff_cache/", ".hypothesis/", ".tox/", ".nox/",
    # virtual environments and dependencies
    ".venv/", "venv/", ".venvs/", "site-packages/", "node_modules/",
    # what editors and tools write beside a file: Vim, Emacs, Kate, GNOME, JetBrains, VS Code, Sublime Text, LibreOffice
    "*.sw[a-p]", "*.sw[a-p]x", ".subl*.tmp", ".#*", "\\#*#", "*~", ".*.kate-swp", ".goutputstream-*",
    "*___jb_tmp___", "*___jb_old___", "*.vsctmp", ".~lock.*#", ".nfs????????????????????????",
    # what operating systems keep
    ".DS_Store", "Thumbs.db", "desktop.ini",
)  # fmt: skip
"""Ignored unless an exclude pattern with ``!`` re-includes it, or it is itself a root."""


class Scope:
    """Which paths count.

    Patterns are gitignore-style and relative to each root. Exclude patterns have priority over .gitignore files, and
    their ``!`` form re-includes built-in ones. A root counts whatever the patterns say about its own name. A root that
    is a file is checked against `include` and `exclude` only, since it was named on purpose.

    Args:
        roots: files or folders; relative ones are resolved against the working directory.
        include: if there are any, only files count that match or are in a matching folder.
        exclude: what does not count, in addition to the built-in patterns. A pattern of either kind that begins with a
            root's path is also used as an absolute path.
        use_gitignore: whether git's ignore files are used: .gitignore (nested ones, and those above a root in its
            repository), the repository's ``info/exclude``, and ``core.excludesFile``.
    """

    def __init__(
        self,
        roots: Iterable[str | os.PathLike[str]],
        *,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        use_gitignore: bool = True,
    ) -> None:
        self.roots: tuple[str, ...] = tuple(dict.fromkeys(map(absolute, roots)))
        self.use_gitignore = use_gitignore
        self.include = tuple(include)
        self.exclude = tuple(exclude)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scope) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def _parts(self) -> tuple[object, ...]:
        return self.roots, self.include, self.exclude, self.use_gitignore

    @cached_property
    def _include(self) -> Patterns:
        return Patterns(self.include)

    @cached_property
    def _exclude(self) -> Patterns:
        return Patterns((*BUILT_IN_EXCLUDES, *self.exclude))

    @cached_property
    def _own_exclude(self) -> Patterns:
        return Patterns(self.exclude)

    def rules_at(self, root: str, gitignores: tuple[tuple[int, Patterns], ...] = ()) -> Rules:
        """Return the rules for the entries of the root folder `root`, before its own .gitignore.

        Args:
            root: a root.
            gitignores: patterns of git's files outside of it; see `Rules`.
        """
        exclude = _as_seen_from(root, self.exclude, self._exclude, BUILT_IN_EXCLUDES)
        include = _as_seen_from(root, self.include, self._include)
        return Rules(_base(root), exclude, include, gitignores, not include)

    def takes_file(self, root: str) -> bool:
        """Return whether `root`, as a file, counts."""
        name = os.path.basename(root)
        if self._own_exclude.verdict(name, name, False):
            return False
        return not self._include or bool(self._include.verdict(name, name, False))


class ListedEntry(Protocol):
    """The part of `os.DirEntry` that rules need."""

    @property
    def name(self) -> str:
        """The entry's name."""

    @property
    def path(self) -> str:
        """The entry's path."""


class Rules:
    """The scope's rules inside one folder.

    Args:
        base: length of the root's path with its separator; the rest of a path is relative to the root.
        exclude: the scope's own exclude patterns.
        include: the scope's own include patterns.
        gitignores: (length of the folder's path with the separator, patterns), the innermost first.
        included: whether a file counts that no include pattern matches.
    """

    __slots__ = ("_base", "_exclude", "_gitignores", "_include", "_included", "_taken")

    def __init__(
        self,
        base: int,
        exclude: Patterns,
        include: Patterns,
        gitignores: tuple[tuple[int, Patterns], ...],
        included: bool,
    ) -> None:
        self._base = base
        self._exclude = exclude
        self._include = include
        self._gitignores = gitignores
        self._included = included
        by_name = not include and exclude.by_name and all(patterns.by_name for _, patterns in gitignores)
        self._taken: dict[str, bool] | None = {} if by_name else None
        """Name → whether a file of that name counts; None if its folder matters, too."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rules) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def _parts(self) -> tuple[object, ...]:
        return self._base, self._exclude, self._include, self._gitignores, self._included

    @property
    def gitignore_lines(self) -> tuple[tuple[int, tuple[str, ...]], ...]:
        """The lines of the .gitignore files in force."""
        return tuple((base, patterns.lines) for base, patterns in self._gitignores)

    def enters(self, path: str, name: str) -> bool:
        """Return whether the folder `path` is entered."""
        return not self._left_out(path, name, True)

    def takes_entry(self, entry: ListedEntry) -> bool:
        """Return whether `entry` of a listing, a file or a link, counts."""
        taken = self._taken
        if taken is None:
            return self.takes(entry.path, entry.name)
        found = taken.get(entry.name)
        if found is None:
            if len(taken) >= _MEMO_LIMIT:
                taken.clear()
            found = taken[entry.name] = not self._left_out(entry.path, entry.name, False)
        return found

    def takes(self, path: str, name: str) -> bool:
        """Return whether the file or link `path` counts."""
        if self._include:
            verdict = self._include.verdict(_relative(path, self._base), name, False)
            if not (self._included if verdict is None else verdict):
                return False
        return not self._left_out(path, name, False)

    def inside(self, path: str, name: str) -> Rules:
        """Return the rules for the entries of the folder `path`, before its own .gitignore."""
        if not self._include:
            return self
        verdict = self._include.verdict(_relative(path, self._base), name, True)
        if verdict is None or verdict == self._included:
            return self
        return Rules(self._base, self._exclude, self._include, self._gitignores, verdict)

    def with_gitignore(self, folder: str, patterns: Patterns) -> Rules:
        """Return the rules with `folder`'s own .gitignore in force."""
        return self.with_gitignores(((_base(folder), patterns),)) if patterns else self

    def with_gitignores(
        self, nearest: tuple[tuple[int, Patterns], ...], last: tuple[tuple[int, Patterns], ...] = ()
    ) -> Rules:
        """Return the rules with patterns of other files added, before and after the current ones."""
        if not nearest and not last:
            return self
        gitignores = (*nearest, *self._gitignores, *last)
        return Rules(self._base, self._exclude, self._include, gitignores, self._included)

    def _left_out(self, path: str, name: str, is_folder: bool) -> bool:
        verdict = self._exclude.verdict(_relative(path, self._base), name, is_folder)
        if verdict is not None:
            return verdict
        for base, patterns in self._gitignores:
            verdict = patterns.verdict(_relative(path, base), name, is_folder)
            if verdict is not None:
                return verdict
        return False


def _as_seen_from(root: str, lines: tuple[str, ...], patterns: Patterns, before: tuple[str, ...] = ()) -> Patterns:
    """Return `patterns`, extended by those of `lines` that name an absolute path below `root`."""
    below = [(line, seen) for line in lines if (seen := _below(line, root)) is not None]
    if not below:
        return patterns
    more = dict(below)
    return Patterns((*before, *(each for line in lines for each in (line, more.get(line)) if each is not None)))


def _below(line: str, root: str) -> str | None:
    """Return the pattern for the absolute path below `root` that `line` names; None if it names none."""
    mark = "!" if line.startswith("!") else ""
    path = line[len(mark) :]
    if os.sep != "/":
        path = path.replace(os.sep, "/")
    rest = path[_base(root) :]
    return f"{mark}/{rest}" if rest and path.startswith(root.replace(os.sep, "/").rstrip("/") + "/") else None


def _base(folder: str) -> int:
    return len(folder.rstrip(os.sep)) + 1


def _relative(path: str, base: int) -> str:
    return path[base:] if os.sep == "/" else path[base:].replace(os.sep, "/")
