"""Decide what to watch for the registrations of a server, and which changes to send.

A glob is watched from its longest literal folder on. One that names a file is watched through that file, one whose
rest is a single name (`/home/me/*.toml`) by its folder alone, any other by the tree. What the watch core leaves out
everywhere (`node_modules`, `.venv`, `.git`, caches) stays excluded for a glob that merely reaches there, such as
`**/*.ts`: VS Code excludes it, too. A glob includes it by naming the folder, before or after the first wildcard
(`**/node_modules/*/package.json`), or by naming such files (`**/*.pyc`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reloadls.base.paths import prefix_of
from reloadls.proxy.watching.base_folders import FLAGS, MATCHES_NOTHING, base_folders
from reloadls.proxy.watching.globs import expression, is_wild, literal_folders
from reloadls.watch.change import ChangeType
from reloadls.watch.scope.patterns import Patterns
from reloadls.watch.scope.scope import BUILT_IN_EXCLUDES, Scope

__all__ = ["KINDS", "Glob", "RegisteredWatches", "read_watchers", "shown_watcher"]

KINDS: Final[dict[ChangeType, int]] = {"created": 1, "modified": 2, "deleted": 4}
"""The bits of a watcher's `kind`."""
_TYPES: Final = (1, 2, 3)
_ALL: Final = 7
_NAMES: Final = 64
"""Above this many name patterns, every file is watched instead."""
_BUILT_IN = Patterns(BUILT_IN_EXCLUDES)
_NEVER: Final = "(?!)"
"""An expression that never matches, as for the class `[z-a]`."""


@dataclass(frozen=True, slots=True)
class Glob:
    """One pattern of a watcher, with braces expanded where possible.

    Attributes:
        base: an absolute path without wildcards.
        pattern: the pattern below `base`; if it is empty, the glob matches `base` itself.
        kinds: the bits of the wanted changes; see `KINDS`.
    """

    base: str
    pattern: str
    kinds: int = _ALL

    @property
    def regex(self) -> str:
        """The regular expression of the matching absolute paths, with `/` between names."""
        base = re.escape(self.base.rstrip("/"))
        return f"{base}/{expression(self.pattern)}" if self.pattern else base

    @property
    def root(self) -> str:
        """The path to watch."""
        return os.path.normpath(os.path.join(self.base, literal_folders(self.pattern)[0]))

    @property
    def rest(self) -> list[str]:
        """The names after `root`; empty if the glob names one path."""
        rest = literal_folders(self.pattern)[1]
        return rest.split("/") if rest else []


def read_watchers(watchers: Iterable[Any], folders: Sequence[str]) -> tuple[list[Glob], list[str]]:
    """Parse the watchers of a registration.

    Args:
        watchers: as the server sent them.
        folders: the paths of the workspace folders.

    Returns:
        The globs, and a message for each watcher that is ignored.
    """
    globs: list[Glob] = []
    problems: list[str] = []
    for watcher in watchers:
        try:
            found, wrong = _read_watcher(watcher, folders)
        except (ValueError, RecursionError, re.error) as error:
            found, wrong = [], [str(error)]
        globs += found
        problems += [f"ignoring a watcher: {error} ({shown_watcher(watcher):.200})" for error in wrong]
    return globs, problems


def shown_watcher(watcher: Any) -> str:
    """Return a watcher as text for people."""
    glob = watcher.get("globPattern") if isinstance(watcher, dict) else watcher
    if isinstance(glob, dict):
        base = glob.get("baseUri")
        return f"{glob.get('pattern')} in {base.get('uri') if isinstance(base, dict) else base}"
    return str(glob)


def _read_watcher(watcher: Any, folders: Sequence[str]) -> tuple[list[Glob], list[str]]:
    if not isinstance(watcher, dict):
        raise ValueError("not an object")
    kinds = watcher.get("kind")
    kinds = kinds & _ALL if isinstance(kinds, int) else _ALL
    if not kinds:
        raise ValueError(f"{MATCHES_NOTHING}: its kind is none of 1, 2 and 4")
    globs = []
    found, problems = base_folders(watcher.get("globPattern"), folders)
    for base, pattern in found:
        glob = Glob(base, pattern, kinds)
        if _NEVER in glob.regex:
            problems.append(MATCHES_NOTHING)
        elif glob.root == os.path.dirname(glob.root):
            problems.append("it would require watching the whole file system")
        else:
            os.fsencode(glob.root)  # raises for a lone surrogate
            re.compile(glob.regex)
            globs.append(glob)
    return globs, problems


class RegisteredWatches:
    """All registered globs.

    Attributes:
        scopes: one scope for trees, and one for folders without their subfolders; none if empty.
    """

    def __init__(self, globs: Iterable[Glob]) -> None:
        self._globs = list(dict.fromkeys(glob for glob in globs if glob.kinds))
        by_kinds: dict[int, list[str]] = {}
        for glob in self._globs:
            by_kinds.setdefault(glob.kinds, []).append(glob.regex)
        self._tests = [
            (kinds, re.compile("|".join(f"(?:{regex})" for regex in dict.fromkeys(regexes)), FLAGS))
            for kinds, regexes in by_kinds.items()
        ]
        self.scopes = self._scopes()

    def wants(self, path: str, kind: ChangeType) -> bool:
        """Return whether the server has registered for this change."""
        if os.sep != "/":
            path = path.replace(os.sep, "/")
        bit = KINDS[kind]
        return any(kinds & bit and test.fullmatch(path) for kinds, test in self._tests)

    @property
    def roots(self) -> list[str]:
        """The roots of all scopes."""
        return [root for scope in self.scopes for root in scope.roots]

    def _scopes(self) -> tuple[Scope, ...]:
        back = tuple(dict.fromkeys(line for glob in self._globs for line in _reincluded(glob)))
        flat_globs = [glob for glob in self._globs if len(glob.rest) == 1 and glob.rest != ["**"]]
        deep_globs = [glob for glob in self._globs if glob not in flat_globs]
        excluded = Patterns((*BUILT_IN_EXCLUDES, *back))
        deep = _merged((glob.root for glob in deep_globs), (), excluded)
        flat = [
            root
            for root in dict.fromkeys(glob.root for glob in flat_globs)
            if not any(_covers(above, root, excluded) for above in deep)
        ]
        covered = [glob for glob in flat_globs if glob.root not in flat]
        scopes = []
        if deep:
            scopes.append(
                Scope(deep, include=_names([*deep_globs, *covered]), exclude=back, use_gitignore=False),
            )
        if flat:
            rest = [glob for glob in flat_globs if glob.root in flat]
            scopes.append(Scope(flat, include=_names(rest), exclude=(*back, "*/"), use_gitignore=False))
        return tuple(scopes)


def _merged(roots: Iterable[str], above: Sequence[str], excluded: Patterns) -> list[str]:
    """Return `roots` without those that another of them covers."""
    kept: list[str] = list(above)
    for root in sorted(dict.fromkeys(roots), key=len):
        if not any(_covers(other, root, excluded) for other in kept):
            kept.append(root)
    return kept


def _covers(tree: str, root: str, excluded: Patterns) -> bool:
    """Return whether watching `tree` includes `root`: it lies below, and nothing in between is excluded."""
    if tree == root:
        return True
    prefix = prefix_of(tree)
    if not root.startswith(prefix):
        return False
    names = root[len(prefix) :].split(os.sep)
    return not any(
        excluded.verdict("/".join(names[: at + 1]), name, True) or excluded.verdict(name, name, False)
        for at, name in enumerate(names)
    )


def _names(globs: Iterable[Glob]) -> tuple[str, ...]:
    """Return gitignore patterns of the names that `globs` can match; none if any name can match.

    They only save work: `RegisteredWatches.wants` decides what is sent.
    """
    names: dict[str, None] = {}
    for glob in globs:
        last = glob.pattern.rpartition("/")[2] or _quoted(os.path.basename(glob.base))
        if not last.replace("*", "") or "{" in last or len(names) > _NAMES:
            return ()
        names["".join("\\" + char if char in "\\ !#" else char for char in last.replace("[!", "[^"))] = None
    return tuple(names)


def _quoted(name: str) -> str:
    """Return a glob that matches exactly this name."""
    return re.sub(r"[*?\[{]", lambda found: f"[{found[0]}]", name)


def _reincluded(glob: Glob) -> Iterable[str]:
    """Return the patterns that include again what `glob` names, but the core excludes."""
    for at, name in enumerate(glob.rest):
        if not name.replace("*", ""):
            continue
        sample = re.sub(r"\[!?.[^]]*\]|[?]", "x", re.sub(r"\*+", "x", name)) if is_wild(name) else name
        is_file = at == len(glob.rest) - 1
        if "{" not in name and _BUILT_IN.verdict(sample, sample, not is_file):
            yield f"!{name}" if is_file else f"!{name}/"
