"""Where links to files lead, so that a change on the way is noticed at the link."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable

from reloadls.base.paths import ancestors, prefix_of
from reloadls.watch.disk.guarded import TimedOut
from reloadls.watch.disk.spelling import folded

__all__ = ["Links", "link_chain"]

_MAX_HOPS = 40
"""The limit of the Linux kernel; a longer chain is a loop (path_resolution(7))."""


def link_chain(link: str, readlink: Callable[[str], str] = os.readlink, *, whole: bool = False) -> tuple[str, ...]:
    """Return every path whose change can change what `link` leads to: each further link, then the target.

    The target need not exist. `link` itself is not in the result.

    Args:
        link: an absolute path.
        readlink: `os.readlink`, or a guarded version of it.
        whole: whether the ancestors of `link` may be links, too.
    """
    chain: list[str] = []
    resolved = os.path.abspath(os.sep) if whole else os.path.dirname(link)
    names = deque(link.split(os.sep) if whole else [os.path.basename(link)])
    hops = 0
    while names:
        name = names.popleft()
        if name == os.pardir:
            resolved = os.path.dirname(resolved)
        elif name and name != os.curdir:
            path = os.path.join(resolved, name)
            try:
                target = readlink(path)
            except TimedOut:
                raise
            except (OSError, ValueError):  # not a link, or missing
                resolved = path
                continue
            hops += 1
            if hops > _MAX_HOPS:
                break
            chain.append(path)
            if os.path.isabs(target):
                resolved = os.path.abspath(os.sep)
            names.extendleft(reversed(target.split(os.sep)))
    chain.append(resolved)
    return tuple(path for path in dict.fromkeys(chain) if path != link)


class Links:
    """The known links to files, or to nothing, and the paths that each depends on.

    Paths that differ only in case, or in how a letter is composed, are treated as one: the file system may do so, too,
    and one look too many is harmless.
    """

    __slots__ = ("_ancestors", "_chains", "_dependents", "changes")

    def __init__(self) -> None:
        self._chains: dict[str, tuple[str, ...]] = {}
        self._dependents: dict[str, set[str]] = {}
        self._ancestors: Counter[str] = Counter()
        """Ancestor of a path that links depend on → number of such paths."""
        self.changes = 0
        """How often the known links have changed."""

    def put(self, link: str, chain: tuple[str, ...]) -> None:
        """Set the chain of `link`; an empty one removes it."""
        if self._chains.get(link, ()) == chain:
            return
        self.drop(link)
        if not chain:
            return
        self.changes += 1
        self._chains[link] = chain
        for path in map(folded, chain):
            self._dependents.setdefault(path, set()).add(link)
            self._ancestors.update(ancestors(path))

    def drop(self, link: str) -> None:
        """Remove `link`."""
        chain = self._chains.pop(link, ())
        self.changes += len(chain) > 0
        for path in map(folded, chain):
            self._ancestors.subtract(ancestors(path))
            dependents = self._dependents.get(path, set())
            dependents.discard(link)
            if not dependents:
                self._dependents.pop(path, None)

    def depend_on(self, path: str) -> list[str]:
        """Return the links that lead through `path`, or through a path below it, sorted. Safe from any thread."""
        if not self._chains:
            return []
        path = folded(path)
        links = set(self._dependents.get(path, ()))
        if self._ancestors.get(path, 0) > 0:
            below = prefix_of(path)
            for on, of in list(self._dependents.items()):
                if on.startswith(below):
                    links.update(list(of))
        return sorted(links)

    def lead_to(self, path: str) -> bool:
        """Return whether any link leads through `path`, or through a path below it. Safe from any thread."""
        if not self._chains:
            return False
        path = folded(path)
        return path in self._dependents or self._ancestors.get(path, 0) > 0

    def __bool__(self) -> bool:
        return bool(self._chains)

    def __contains__(self, path: object) -> bool:
        """Return whether `path` is known to lead through a link."""
        return path in self._chains

    def targets(self) -> set[str]:
        """Return every path that a link depends on."""
        return {path for chain in self._chains.values() for path in chain}
