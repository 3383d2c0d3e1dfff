"""Listen on a Unix domain socket that only its owner can reach.

The folder controls access: some systems ignore the mode of the socket itself.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from typing import Final

from .errors import ServeError

__all__ = ["listen_on_path"]

_OPTION: Final = "--socket"


@contextlib.contextmanager
def listen_on_path(path: str, backlog: int) -> Iterator[tuple[socket.socket, str]]:
    """Listen while the context is open, then remove the file.

    Args:
        path: the path of the socket.
        backlog: see listen(2).

    Yields:
        The socket and its absolute path.

    Raises:
        ServeError: the folder is accessible to others, the path is in use or too long, or the system has no sockets.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise ServeError(_OPTION, path, "this system has no Unix domain sockets; use --tcp")
    try:
        folder = _private_folder(path)
        address = os.path.join(folder, os.path.basename(path))
        with _lock(folder):
            _remove_stale_socket(path, address)
            listening = _bind(address, backlog)
    except OSError as error:
        raise ServeError(_OPTION, path, f"can't be used ({error.strerror or error})") from None
    inode = os.lstat(address).st_ino
    try:
        yield listening, address
    finally:
        listening.close()
        with contextlib.suppress(OSError):
            if os.lstat(address).st_ino == inode:
                os.unlink(address)


def _private_folder(path: str) -> str:
    """Return the real folder of `path`, created if missing, after checking that only its owner can enter it."""
    if not os.path.basename(path) or "\0" in path:
        raise ServeError(_OPTION, path, "must be the path of a file")
    folder = os.path.realpath(os.path.dirname(os.path.abspath(path)))
    with contextlib.suppress(FileExistsError):
        try:
            os.mkdir(folder, 0o700)
            os.chmod(folder, 0o700)  # a umask may have taken rights from the owner
        except FileNotFoundError:
            above = os.path.dirname(folder)
            raise ServeError(
                _OPTION, path, f"is in {above!r}, which does not exist; create that folder first"
            ) from None
    status = os.stat(folder)
    if not stat.S_ISDIR(status.st_mode):
        raise ServeError(_OPTION, path, f"{folder!r} is not a folder")
    if status.st_uid != os.geteuid():
        raise ServeError(_OPTION, path, f"the folder {folder!r} belongs to another user; choose one that you own")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        reason = f"the folder {folder!r} is accessible to other users (mode {mode:04o}); chmod 700 it"
        raise ServeError(_OPTION, path, f"{reason}, or choose a new folder, which is created private")
    return folder


@contextlib.contextmanager
def _lock(folder: str) -> Iterator[None]:
    """Lock the folder: two services starting at once would each take the other's socket for a stale one."""
    import fcntl  # noqa: PLC0415 - not on Windows

    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_stale_socket(path: str, address: str) -> None:
    """Remove a stale socket, on which no process listens."""
    try:
        mode = os.lstat(address).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ServeError(_OPTION, path, "exists and is not a socket; choose another path, or delete it")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        outcome = probe.connect_ex(address)
    if outcome != errno.ECONNREFUSED:
        raise ServeError(_OPTION, path, "already in use by another process; connect to it, or choose another path")
    os.unlink(address)


def _bind(address: str, backlog: int) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        try:
            listening.bind(address)
        except OSError as error:
            if error.errno is None:  # Python's own: "AF_UNIX path too long"
                raise ServeError(
                    _OPTION, address, "is too long for a socket; choose a path of up to 100 bytes"
                ) from None
            raise
        os.chmod(address, 0o600)
        listening.listen(backlog)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening
