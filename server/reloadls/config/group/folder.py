"""A group's private folder: where it is, and its files."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable
from typing import Any

from reloadls.base.folders import UnsafeFolder, access_problem, private_folder, runtime_folder

__all__ = ["GroupFolder", "group_folders", "read_private", "write_private"]

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MOST_BYTES = 256 * 1024 * 1024


class GroupFolder:
    """The folder of one group.

    A group is known by its name, its model and its sources: two projects that use the same name on one machine don't
    share anything, and neither do the old and the new workers of a program whose sources have changed.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = os.path.basename(path).rpartition("-")[0]
        self.state = os.path.join(path, "state.json")
        self.fetches = os.path.join(path, "fetches.json")
        self.pin = os.path.join(path, "pin.json")
        self.lock = os.path.join(path, "leader.lock")
        self.pipe = os.path.join(path, "leader.pipe")
        self.flag = os.path.join(path, "committed")
        self.members = os.path.join(path, "members")
        self.versions = os.path.join(path, "versions")

    @classmethod
    def make(cls, group: str, identity: Iterable[str]) -> GroupFolder:
        """Return a group's folder, made if it is missing.

        Args:
            group: its name.
            identity: what else tells it from others.

        Raises:
            ValueError: the name can't be part of a file's name.
            UnsafeFolder: others can access it.
            OSError: it can't be made.
        """
        if not _NAME.fullmatch(group) or group.startswith("."):
            raise ValueError(f"group {group!r}: must be 1 to 64 letters, digits, dots, dashes or underscores")
        digest = hashlib.sha256(json.dumps(list(identity)).encode()).hexdigest()[:12]
        folder = cls(os.path.join(_configurations(), f"{group}-{digest}"))
        for path in (folder.path, folder.members, folder.versions):
            private_folder(path)
        return folder


def group_folders() -> list[GroupFolder]:
    """Return the folders of all groups of this user on this machine."""
    above = os.path.join(runtime_folder(), "config")
    try:
        names = sorted(os.listdir(above))
    except OSError:
        return []
    return [GroupFolder(os.path.join(above, name)) for name in names if "-" in name]


def _configurations() -> str:
    return private_folder(private_folder(runtime_folder()), "config")


def read_private(path: str) -> Any:
    """Return what a private file holds; None if it is missing, or not JSON.

    Raises:
        UnsafeFolder: it belongs to another user, or others can access it.
        OSError: it can't be read.
    """
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return None
    with open(fd, "rb") as file:
        problem = access_problem(os.fstat(fd), 0o077) if os.name != "nt" else None
        if problem is not None:
            raise UnsafeFolder(path, problem)
        data = file.read(_MOST_BYTES)
    try:
        return json.loads(data)
    except ValueError:
        return None


def write_private(path: str, value: Any) -> None:
    """Replace a private file, in one step; mode 0600 whatever the umask.

    Raises:
        OSError: it can't be written.
    """
    data = json.dumps(value, separators=(",", ":")).encode()
    fd, other = tempfile.mkstemp(prefix=".new-", dir=os.path.dirname(path))  # makes it with mode 0600
    try:
        with open(fd, "wb") as file:
            file.write(data)
        os.replace(other, path)
    except BaseException:
        os.unlink(other)
        raise
