"""What must be watched so that a path's going, coming back or leading elsewhere is noticed, without looking again.

A folder's own watch tells of what is in it, and follows it when it, or one above it, is renamed. So each folder above
is watched for its own fate, and the one in which the path's next name stands, or would stand, for that name.
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
"""As the Linux kernel has it; a longer chain of links is a loop (path_resolution(7))."""


@dataclass(slots=True)
class AncestorWatch:
    """What one folder's events mean.

    Attributes:
        paths: what depends on this folder being what and where it is.
        names: name in it → what depends on that name.
    """

    paths: set[str] = field(default_factory=set)
    names: dict[str, set[str]] = field(default_factory=dict)


def ancestor_watches(paths: Iterable[str], disk: GuardedDisk) -> dict[str, AncestorWatch]:
    """Folder → what its events mean for `paths`. Looks at the disk.

    A path that is a folder is in it by itself, for its own fate. Links on the way are followed.
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
