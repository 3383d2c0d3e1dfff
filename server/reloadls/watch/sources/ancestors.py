"""Which folders to watch so that a path's deletion, return or change of target is noticed.

A folder's own watch reports changes in it, and follows the folder when it or an ancestor is renamed. So each ancestor
is watched for its own deletion and move, and the folder of the path's next name for that name.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from reloadls.watch.disk.guarded import GuardedDisk

__all__ = ["AncestorWatch", "ancestor_watches"]

_MAX_HOPS = 40
"""The limit of the Linux kernel; a longer chain of links is a loop (path_resolution(7))."""


@dataclass(slots=True)
class AncestorWatch:
    """What the events of one folder mean.

    Attributes:
        paths: the paths that depend on this folder itself.
        names: name in it → the paths that depend on that name.
    """

    paths: set[str] = field(default_factory=set)
    names: dict[str, set[str]] = field(default_factory=dict)


def ancestor_watches(paths: Iterable[str], disk: GuardedDisk) -> dict[str, AncestorWatch]:
    """Return folder → what its events mean for `paths`. Accesses the disk.

    A path that is a folder is included itself. Links on the way are followed.
    """
    found: dict[str, AncestorWatch] = {}
    for path in paths:
        _walk(path, found, disk)
    return found


def _walk(path: str, found: dict[str, AncestorWatch], disk: GuardedDisk) -> None:
    at, names, hops = os.sep, deque(path.split(os.sep)), 0
    while True:
        here = found.setdefault(at, AncestorWatch())
        here.paths.add(path)
        name = _next(names)
        if name is None:
            return
        if name == os.pardir:
            at = os.path.dirname(at)
            continue
        step = os.path.join(at, name)
        try:
            mode = disk.lstat(step).st_mode
            target = disk.readlink(step) if stat.S_ISLNK(mode) else None
        except (OSError, ValueError):
            here.names.setdefault(name, set()).add(path)
            return
        if target is not None:
            here.names.setdefault(name, set()).add(path)
            hops += 1
            if hops > _MAX_HOPS:
                return
            names.extendleft(reversed(target.split(os.sep)))
            at = os.sep if os.path.isabs(target) else at
        elif stat.S_ISDIR(mode):
            if not any(rest and rest != os.curdir for rest in names):
                here.names.setdefault(name, set()).add(path)
            at = step
        else:
            here.names.setdefault(name, set()).add(path)
            return


def _next(names: deque[str]) -> str | None:
    while names:
        name = names.popleft()
        if name and name != os.curdir:
            return name
    return None
