"""Which paths count: roots, include, exclude and .gitignore files."""

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
"""Left out unless an exclude pattern with ``!`` takes it back, or it is itself a root."""


class Scope:
    """Which paths count.

    Patterns are gitignore-style and relative to each root. An exclude pattern wins over a .gitignore file, and its
    ``!`` form takes back a built-in one. A root counts whatever the patterns say of its own name; a root that is a
    file obeys only `include` and `exclude`, since who names a file means it.

    Args:
        roots: files or folders; relative ones are taken from the working directory.
        include: if any, only files that match, or lie in a folder that does, count.
        exclude: what does not count, after the built-in ones. A pattern of either kind that begins with a root's own
            path is taken as an absolute path, too.
        use_gitignore: whether git's files are honoured: .gitignore, nested ones and those above a root in its
            repository too, the repository's ``info/exclude``, and ``core.excludesFile``.
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
        """The rules that hold for the entries of `root`, a folder, before its own .gitignore.

        Args:
            root: a root.
            gitignores: what git's files outside of it say; see `Rules`.
        """
        exclude = _as_seen_from(root, self.exclude, self._exclude, BUILT_IN_EXCLUDES)
        include = _as_seen_from(root, self.include, self._include)
        return Rules(_base(root), exclude, include, gitignores, not include)

    def takes_file(self, root: str) -> bool:
        """Whether `root`, taken as a file, counts."""
        name = os.path.basename(root)
        if self._own_exclude.verdict(name, name, False):
            return False
        return not self._include or bool(self._include.verdict(name, name, False))


class ListedEntry(Protocol):
    """What `os.scandir` gives."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def path(self) -> str:
        """Where it is."""


class Rules:
    """The scope's rules as they stand inside one folder.

    Args:
        base: length of the root's path with its separator: what is after it is relative to the root.
        exclude, include: the scope's own patterns.
        gitignores: (length of its folder's path with the separator, patterns), the innermost first.
        included: whether a file counts that no include pattern speaks of.
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
        """What the .gitignore files say that are in force."""
        return tuple((base, patterns.lines) for base, patterns in self._gitignores)

    def enters(self, path: str, name: str) -> bool:
        """Whether the folder `path` is entered."""
        return not self._left_out(path, name, True)

    def takes_entry(self, entry: ListedEntry) -> bool:
        """Whether `entry` of a listing, a file or a link, counts."""
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
        """Whether the file, or link, `path` counts."""
        if self._include:
            verdict = self._include.verdict(_relative(path, self._base), name, False)
            if not (self._included if verdict is None else verdict):
                return False
        return not self._left_out(path, name, False)

    def inside(self, path: str, name: str) -> Rules:
        """The rules for the entries of the folder `path`, before its own .gitignore."""
        if not self._include:
            return self
        verdict = self._include.verdict(_relative(path, self._base), name, True)
        if verdict is None or verdict == self._included:
            return self
        return Rules(self._base, self._exclude, self._include, self._gitignores, verdict)

    def with_gitignore(self, folder: str, patterns: Patterns) -> Rules:
        """The rules with `folder`'s own .gitignore in force."""
        return self.with_gitignores(((_base(folder), patterns),)) if patterns else self

    def with_gitignores(
        self, nearest: tuple[tuple[int, Patterns], ...], last: tuple[tuple[int, Patterns], ...] = ()
    ) -> Rules:
        """The rules with other files' patterns in force, too, before and after those that are."""
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
    """`patterns`, made of `before` and `lines`, and those of `lines` that name a path below `root` from the top."""
    below = [(line, seen) for line in lines if (seen := _below(line, root)) is not None]
    if not below:
        return patterns
    more = dict(below)
    return Patterns((*before, *(each for line in lines for each in (line, more.get(line)) if each is not None)))


def _below(line: str, root: str) -> str | None:
    """The pattern for a path below `root` that `line` names from the top; None if it names none."""
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
