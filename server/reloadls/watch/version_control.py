"""Whether a version-control operation is running: a checkout, a merge, each step of a rebase.

Each tool creates a lock file beside its data while it changes the working tree: git ``index.lock``, Mercurial ``wlock``
(a dangling symbolic link, where links exist), Jujutsu ``working_copy.lock`` (`FileLock` in its
``local_working_copy.rs``). A crash leaves the file behind, so a lock is not trusted forever.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from typing import NamedTuple

from reloadls.watch.disk.guarded import GuardedDisk

__all__ = ["MARKS", "LockWait", "Lock", "Repositories", "find_locks", "git_folder"]

MARKS = frozenset({".git", ".hg", ".jj"})
"""Names that mark a folder as a repository."""
_LOCKS = {".hg": "wlock", ".jj": os.path.join("working_copy", "working_copy.lock")}
_GIT_LOCK = "index.lock"
_GIT_FILE = b"gitdir:"
_GIT_FILE_LIMIT = 4096 + len(_GIT_FILE) + 2
"""The longest path of the system, and the text around it."""
_PAUSE_S = 1.0
"""After this many seconds without a call, a call is about another batch."""


class Lock(NamedTuple):
    """One lock file. A later file at the same path is a different lock."""

    path: str
    inode: int
    mtime_ns: int


class Repositories:
    """The repositories that contain a scope or that it contains, as far as its folders have been compared."""

    __slots__ = ("_marks",)

    def __init__(self) -> None:
        self._marks: dict[str, frozenset[str]] = {}

    @property
    def marks(self) -> frozenset[str]:
        """The path of each ``.git``, ``.hg`` and ``.jj``."""
        return frozenset(os.path.join(folder, name) for folder, names in self._marks.items() for name in names)

    def note(self, folder: str, names: frozenset[str]) -> None:
        """Note that `folder` was listed, and contains just `names` of the `MARKS`."""
        if names:
            self._marks[folder] = names
        else:
            self._marks.pop(folder, None)

    def look_at(self, folders: Iterable[str], lexists: Callable[[str], bool]) -> None:
        """Check whether `folders`, which are not listed, are repositories."""
        for folder in folders:
            self.note(folder, frozenset(name for name in MARKS if lexists(os.path.join(folder, name))))

    def clear(self) -> None:
        """Forget all: every folder is about to be compared again."""
        self._marks.clear()


def find_locks(marks: Iterable[str], disk: GuardedDisk) -> frozenset[Lock]:
    """Return the existing lock files of repositories given by their ``.git``, ``.hg`` or ``.jj``. Blocks."""
    return frozenset(lock for mark in marks if (lock := _lock(mark, disk)) is not None)


def _lock(mark: str, disk: GuardedDisk) -> Lock | None:
    try:
        name = os.path.basename(mark)
        folder, lock = (disk.follow(mark, git_folder), _GIT_LOCK) if name == ".git" else (mark, _LOCKS[name])
        path = os.path.join(folder, lock)
        status = disk.lstat(path)
    except (OSError, ValueError):
        return None
    return Lock(path, status.st_ino, status.st_mtime_ns)


def git_folder(mark: str) -> str:
    """Return the folder of git's own files: `mark`, or the folder that the file `mark` names (worktrees, submodules).

    Raises:
        OSError: it can't be read.
        ValueError: it is not a git file. See https://git-scm.com/docs/gitrepository-layout
    """
    status = os.stat(mark)
    if stat.S_ISDIR(status.st_mode):
        return mark
    if not stat.S_ISREG(status.st_mode) or status.st_size > _GIT_FILE_LIMIT:
        raise ValueError(f"{mark} is not a git file")
    with open(mark, "rb") as file:
        content = file.read(_GIT_FILE_LIMIT)
    named = content.removeprefix(_GIT_FILE).strip(b" \r\n")
    if not content.startswith(_GIT_FILE) or not named or b"\0" in named or b"\n" in named:
        raise ValueError(f"{mark} is not a git file")
    return os.path.join(os.path.dirname(mark), os.fsdecode(named))


class LockWait:
    """Whether a due batch waits for a version-control operation. Pure: every time is passed in, in seconds.

    A batch waits as long as there is any lock, but at most `longest`. A lock that lasts longer is assumed to be left by
    a crash, and is ignored until it changes.
    """

    __slots__ = ("_asked", "_longest", "_seen", "_since")

    def __init__(self, *, longest: float = 10.0) -> None:
        self._longest = longest
        self._since: float | None = None
        self._asked = 0.0
        self._seen: dict[Lock, float] = {}

    def must_wait(self, locks: frozenset[Lock], now: float) -> bool:
        """Return whether a batch that is due at `now` waits for `locks`. If it does, call this again soon."""
        self._seen = {lock: self._seen.get(lock, now) for lock in locks}
        if self._since is None or now - self._asked > _PAUSE_S:
            self._since = now
        self._asked = now
        alive = any(now - since < self._longest for since in self._seen.values())
        if alive and now - self._since < self._longest:
            return True
        self._since = None
        return False
