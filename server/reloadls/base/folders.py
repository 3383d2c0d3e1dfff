"""Private folders: where they are, how they are created, and whether only this user can access them."""

from __future__ import annotations

import errno
import os
import stat

__all__ = ["UnsafeFolder", "access_problem", "make_private", "private_folder", "runtime_folder"]


class UnsafeFolder(Exception):
    """A folder is accessible to other users, or belongs to one.

    Attributes:
        path: the folder.
        reason: what is wrong.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def access_problem(status: os.stat_result, rights: int) -> str | None:
    """Return why a file or folder is not this user's alone; None if it is.

    Args:
        status: its status.
        rights: the permission bits that it must not have, such as 0o077.
    """
    if status.st_uid != os.geteuid():
        return f"belongs to user {status.st_uid}, not to user {os.geteuid()}"
    if status.st_mode & rights:
        return f"accessible to other users (mode {stat.S_IMODE(status.st_mode):04o})"
    return None


def private_folder(*parts: str) -> str:
    """Return the folder at the joined path, created if missing, after checking that only this user can access it.

    Raises:
        UnsafeFolder: others can access it, or it is not a folder.
        OSError: it can't be created.
    """
    path = os.path.join(*parts)
    make_private(path)
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        raise UnsafeFolder(path, "not a folder")
    problem = access_problem(status, 0o077)
    if problem is not None:
        raise UnsafeFolder(path, f"{problem}; run chmod 700" if status.st_uid == os.geteuid() else problem)
    return path


def make_private(folder: str) -> None:
    """Create `folder` and its missing parents with mode 0700. An existing folder keeps its mode.

    Source: XDG Base Directory Specification, "Referencing this specification".

    Raises:
        OSError: the folder can't be created, or the path is not a folder.
    """
    folder = os.path.abspath(folder)
    missing = []
    while not os.path.lexists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for path in reversed(missing):
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:  # another process made it meanwhile
            continue
        os.chmod(path, 0o700)  # a umask may have taken rights from the owner
    if not os.path.isdir(folder):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder)


def runtime_folder() -> str:
    """Return the folder for the files of programs that run under reloadls, whether it exists or not.

    A program and its editor must compute the same folder, so it depends only on XDG_RUNTIME_DIR and the disk:
    `reloadls` in XDG_RUNTIME_DIR, else in `/run/user/UID`, else `/tmp/reloadls-UID`. A folder is not used if it belongs
    to another user (as after `su`), is writable by others, or can't be created.
    """
    user = os.geteuid()
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(given) and _usable(given, user):
        return os.path.join(given, "reloadls")
    usual = f"/run/user/{user}"
    if os.path.isdir(usual) and _usable(usual, user):
        return os.path.join(usual, "reloadls")
    return f"/tmp/reloadls-{user}"  # noqa: S108 - callers check the owner and the mode


def _usable(folder: str, user: int) -> bool:
    try:
        status = os.stat(folder)
    except FileNotFoundError:
        return _can_be_made(folder)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == user and not status.st_mode & 0o022


def _can_be_made(folder: str) -> bool:
    if os.path.lexists(folder):  # a link to nothing
        return False
    above = os.path.dirname(folder.rstrip(os.sep))
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    return os.path.isdir(above) and os.access(above, os.W_OK | os.X_OK)
