"""Whether a hint could matter, so that changes outside the scope cause no work."""

from __future__ import annotations

import os

from reloadls.base.paths import prefix_of
from reloadls.watch.scope.scope import GITIGNORE
from reloadls.watch.snapshot.folder import Folder
from reloadls.watch.snapshot.roots import Root, RootIndex
from reloadls.watch.version_control import MARKS

__all__ = ["is_relevant", "is_entry_relevant"]


def is_relevant(roots: RootIndex, path: str, is_folder: bool | None = None) -> bool:
    """Return whether a hint for `path` could lead to a change under one of `roots`.

    Reads only known data, so it is safe during a scan. In doubt, returns True.

    Args:
        roots: the known roots.
        path: what the hint names.
        is_folder: whether it is a folder; None accesses the disk.
    """
    return any(_is_relevant_to_root(root, path, is_folder) for root in roots.related(path))


def _is_relevant_to_root(root: Root, path: str, is_folder: bool | None) -> bool:
    if path == root.path or root.path.startswith(prefix_of(path)):
        return True
    if not path.startswith(prefix_of(root.path)):
        return False
    folder, at = root.folder, root.path
    if folder is None:
        return root.entry is None
    *parents, last = path[len(prefix_of(at)) :].split(os.sep)
    for name in parents:
        rules, sub = folder.rules, folder.folders.get(name)
        at = os.path.join(at, name)
        if sub is None or rules is None:
            return rules is None or rules.enters(at, name)
        folder = sub
    return is_entry_relevant(folder, path, last, is_folder)


def is_entry_relevant(folder: Folder, path: str, name: str, is_folder: bool | None) -> bool:
    """Return the same for the entry `name` of `folder`."""
    rules = folder.rules
    if rules is None or folder.has(name):
        return True
    if name == GITIGNORE or name in MARKS:
        return True
    if is_folder is None:
        return rules.takes(path, name) or (
            rules.enters(path, name) and os.path.isdir(path) and not os.path.islink(path)
        )
    return rules.enters(path, name) if is_folder else rules.takes(path, name)
