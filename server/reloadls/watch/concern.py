"""Whether a hint could matter: so that what is left out of the scope wakes nobody."""

from __future__ import annotations

import os
from collections.abc import Iterable

from reloadls.watch.folder import Folder
from reloadls.watch.roots import Root, inside
from reloadls.watch.scope import GITIGNORE

__all__ = ["concerns"]


def concerns(roots: Iterable[Root], path: str) -> bool:
    """Whether a hint for `path` could lead to a change under one of `roots`.

    Only reads what is known, so it is safe beside a scan; may stat `path`. When in doubt, the answer is yes.
    """
    return any(_concerns_root(root, path) for root in list(roots))


def _concerns_root(root: Root, path: str) -> bool:
    if path == root.path or root.path.startswith(inside(path)):
        return True
    if not path.startswith(inside(root.path)):
        return False
    folder, at = root.folder, root.path
    if folder is None:
        return root.entry is None
    *parents, last = path[len(inside(at)) :].split(os.sep)
    for name in parents:
        rules, sub = folder.rules, folder.folders.get(name)
        at = os.path.join(at, name)
        if sub is None or rules is None:
            return rules is None or rules.enters(at, name)
        folder = sub
    return _concerns_entry(folder, path, last)


def _concerns_entry(folder: Folder, path: str, name: str) -> bool:
    rules = folder.rules
    if rules is None or name in folder.files or name in folder.folders or name in folder.links or name == GITIGNORE:
        return True
    if rules.takes(path, name):
        return True
    return rules.enters(path, name) and os.path.isdir(path) and not os.path.islink(path)
