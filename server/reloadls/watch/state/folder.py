"""Where state files are, which process may use one, and which of them are obsolete."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
import time
from collections import defaultdict
from collections.abc import Iterator

import platformdirs
from filelock import BaseFileLock, FileLock, Timeout

from reloadls.base.folders import make_private

__all__ = ["StateBusy", "StateFailed", "why_untrusted", "lock_state", "make_folder", "set_aside", "state_folder"]

_DAMAGED_KEPT = 3
_UNUSED_S = 30 * 24 * 3600
"""For how long, in seconds, the state of an unwatched scope is kept."""
_GUARD_S = 5.0
"""How long, in seconds, another process may take to open its state file."""
_SIDECARS = ("-wal", "-journal", "-shm")
"""Suffixes of the files that sqlite keeps beside a database."""
_OURS = re.compile(r"([0-9a-f]{32})\.(?:lock|(?:sqlite|damaged-\d)(?:-wal|-journal|-shm)?)")


class StateBusy(Exception):
    """Another process uses this scope's state file."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is used by another process")
        self.path = path


class StateFailed(Exception):
    """State can't be kept.

    Attributes:
        path: the file or folder.
        reason: why not.
    """

    def __init__(self, path: str, reason: object) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = str(reason)


def state_folder() -> str:
    """Return the default folder for state files."""
    return os.path.join(platformdirs.user_state_dir("reloadls", appauthor=False), "watch")


def make_folder(folder: str) -> None:
    """Create `folder` for its owner only, if it is missing.

    Raises:
        StateFailed: other users could change its contents.
    """
    make_private(folder)
    reason = why_untrusted(folder, stat.S_IFDIR)
    if reason is not None:
        raise StateFailed(folder, reason)


def why_untrusted(path: str, kind: int = stat.S_IFREG) -> str | None:
    """Return why the file or folder at `path` can't be trusted; None if it can, or if it does not exist.

    Args:
        path: the file or folder.
        kind: the expected file type, a constant of `stat`.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode):
        return "is a link"
    if stat.S_IFMT(status.st_mode) != kind:
        return "is not a folder" if kind == stat.S_IFDIR else "is not a regular file"
    if sys.platform != "win32":
        if status.st_uid != os.geteuid():
            return f"belongs to user {status.st_uid}, not to {os.geteuid()}"
        if status.st_mode & 0o022:
            return f"is writable by other users (mode {stat.S_IMODE(status.st_mode):o})"
    return None


def lock_state(folder: str, name: str) -> BaseFileLock:
    """Lock the state file called `name`, and remove files of scopes that are no longer watched.

    Raises:
        StateBusy: another process holds the lock.
        StateFailed: the file system has no locks.
    """
    path = os.path.join(folder, name)
    try:
        # Locks are only taken and removed under this one, so that no process holds the lock of a removed file.
        with _locked(os.path.join(folder, "open"), _GUARD_S):
            _remove_unused(folder, time.time() - _UNUSED_S, but=name)
            return _lock(path)
    except Timeout:
        raise StateBusy(path + ".sqlite") from None
    except NotImplementedError as error:  # filelock raises it if the file system has no locks
        raise StateFailed(folder, error) from error


def set_aside(path: str) -> str:
    """Rename a file and its sqlite files; return the new name. The last three are kept."""
    places = [f"{path.removesuffix('.sqlite')}.damaged-{number}" for number in range(1, _DAMAGED_KEPT + 1)]
    for source, target in reversed(list(zip([path, *places], places, strict=False))):
        for suffix in ("", *_SIDECARS):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(target + suffix)
            with contextlib.suppress(FileNotFoundError):
                os.rename(source + suffix, target + suffix)
    return places[0]


def _lock(path: str, timeout: float = 0) -> BaseFileLock:
    lock = FileLock(path + ".lock", thread_local=False)
    lock.acquire(timeout=timeout, poll_interval=0.01)
    return lock


@contextlib.contextmanager
def _locked(path: str, timeout: float = 0) -> Iterator[None]:
    lock = _lock(path, timeout)
    try:
        yield
    finally:
        lock.release()


def _remove_unused(folder: str, before: float, but: str) -> None:
    """Remove the unused files of all names `but` one that were last written before `before`, in seconds."""
    names: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for entry in os.scandir(folder):
        ours = _OURS.fullmatch(entry.name)
        if ours is not None and ours[1] != but:
            with contextlib.suppress(FileNotFoundError):
                names[ours[1]][entry.path] = entry.stat(follow_symlinks=False).st_mtime
    for name, times in names.items():
        if max(times.values(), default=before) < before:
            with contextlib.suppress(Timeout, OSError):
                _remove(os.path.join(folder, name), times)


def _remove(path: str, files: dict[str, float]) -> None:
    with _locked(path):
        for file in files:
            with contextlib.suppress(FileNotFoundError):
                if file != path + ".lock":
                    os.unlink(file)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path + ".lock")
