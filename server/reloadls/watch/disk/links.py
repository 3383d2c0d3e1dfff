"""Where links to files lead, so that a change on the way there is seen at the link."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable

from reloadls.base.paths import ancestors
from reloadls.watch.disk.guarded import TimedOut
from reloadls.watch.disk.spelling import folded

__all__ = ["Links", "link_chain"]

_MAX_HOPS = 40
"""As the Linux kernel has it; a longer chain is a loop (path_resolution(7))."""


def link_chain(link: str, readlink: Callable[[str], str] = os.readlink, *, whole: bool = False) -> tuple[str, ...]:
    """Every path whose change can change what `link` leads to: each further link on the way, then the end.

    The end need not exist. `link` itself is not in the result.

    Args:
        link: an absolute path.
        readlink: `os.readlink`, perhaps guarded.
        whole: whether the folders above `link` may be links, too.
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
            except (OSError, ValueError):  # no link, or nothing there
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
    """The known links to files, or to nothing, and the paths each depends on.

    Paths that differ only in case, or in how a letter is composed, are taken for one: the file system may do so, too,
    and a look too many harms nothing.
    """

    __slots__ = ("_ancestors", "_chains", "_dependents", "changes")

    def __init__(self) -> None:
        self._chains: dict[str, tuple[str, ...]] = {}
        self._dependents: dict[str, set[str]] = {}
        self._ancestors: Counter[str] = Counter()
        """Folders above what is depended on → how often."""
        self.changes = 0
        """How often what is known has changed."""

    def put(self, link: str, chain: tuple[str, ...]) -> None:
        """Note `link`'s chain in place of what was known of it; an empty one forgets it."""
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
        """Forget `link`."""
        chain = self._chains.pop(link, ())
        self.changes += len(chain) > 0
        for path in map(folded, chain):
            self._ancestors.subtract(ancestors(path))
            dependents = self._dependents.get(path, set())
            dependents.discard(link)
            if not dependents:
                self._dependents.pop(path, None)

    def depend_on(self, path: str) -> list[str]:
        """The links that lead through `path`, or through something below it, sorted. Safe from any thread."""
        if not self._chains:
            return []
        path = folded(path)
        links = set(self._dependents.get(path, ()))
        if self._ancestors.get(path, 0) > 0:
            below = path.rstrip(os.sep) + os.sep
            for on, of in list(self._dependents.items()):
                if on.startswith(below):
                    links.update(list(of))
        return sorted(links)

    def lead_to(self, path: str) -> bool:
        """Whether any link leads through `path`, or through something below it. Safe from any thread."""
        if not self._chains:
            return False
        path = folded(path)
        return path in self._dependents or self._ancestors.get(path, 0) > 0

    def __bool__(self) -> bool:
        return bool(self._chains)

    def __contains__(self, path: object) -> bool:
        """Whether `path` is known to lead through a link."""
        return path in self._chains

    def targets(self) -> set[str]:
        """Every path that some link depends on."""
        return {path for chain in self._chains.values() for path in chain}
