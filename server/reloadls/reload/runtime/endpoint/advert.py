"""The advert: a file that says where this program listens, present as long as it does.

Files are named after the process id. If several PID namespaces share the folder, a later process gets a suffix. Whether
a process is running is decided by whether its socket accepts, not by its number.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Final

from reloadls._version import __version__
from reloadls.base.timestamps import utc_text

from .folder import socket_folder, targets_folder
from .program_info import ProgramInfo

__all__ = ["PublishedAdvert", "files_of", "listen", "runs", "sweep"]

_LOCK_S: Final = 0.2
"""How long to wait, in seconds, for another process that is starting or ending in the folder."""
_SWEPT: Final = 1000
"""How many files to check for leftovers of ended processes."""
_BACKLOG: Final = 128
"""Pending connections; all workers of a program connect at once."""
_FILE = re.compile(r"([0-9]{1,10})(-[0-9a-f]{8})?\.(json|sock)")


class PublishedAdvert:
    """The listening socket and its file. `close` removes both; in a forked child it only closes the descriptor.

    Attributes:
        id: the program's target id, which names the files.
        socket: the listening socket.
        path: the path of the socket.
        file: the path of the advert file.
    """

    def __init__(self, id: str, listener: socket.socket, path: str, file: str) -> None:
        self.id = id
        self.socket = listener
        self.path = path
        self.file = file
        self._pid = os.getpid()

    def close(self) -> None:
        """Stop listening. Idempotent."""
        self.socket.close()
        if os.getpid() == self._pid:
            for path in (self.file, self.path):
                with contextlib.suppress(OSError):
                    os.unlink(path)


def listen(info: ProgramInfo) -> PublishedAdvert:
    """Listen on a local socket and write the advert file.

    Args:
        info: what to publish about the program.

    Returns:
        The socket and its file.

    Raises:
        UnsafeFolder: the folder belongs to another user, or others can access it.
        OSError: the socket or the file can't be created.
    """
    folder = targets_folder()
    number = str(os.getpid())
    unique = f"{number}-{secrets.token_hex(4)}"
    sockets = socket_folder(folder, f"{unique}.sock")
    with _locked(folder, sockets) as locked:
        if locked:
            _sweep(folder)
            _sweep(sockets)
        name = number if locked and _is_free(os.path.join(sockets, f"{number}.sock")) else unique
        path = os.path.join(sockets, f"{name}.sock")
        file = os.path.join(folder, f"{name}.json")
        listener = _bind(path)
        try:
            _write(file, {**_about(info), "id": name, "pid": os.getpid(), "socket": path})
        except BaseException:
            PublishedAdvert(name, listener, path, file).close()
            raise
    return PublishedAdvert(name, listener, path, file)


def sweep(advert: PublishedAdvert) -> None:
    """Remove files next to ours that ended processes left, for example after `os._exit` in a forked child."""
    folders = dict.fromkeys((os.path.dirname(advert.file), os.path.dirname(advert.path)))
    with contextlib.suppress(OSError), _locked(*folders) as locked:
        for folder in folders if locked else ():
            _sweep(folder)


def files_of(pid: int, folder: str) -> list[str]:
    """Return the sockets in `folder` that a process with this number may listen on."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        found = [match for entry in entries if (match := _FILE.fullmatch(entry.name))]
        return [os.path.join(folder, each[0]) for each in found if each[1] == str(pid) and each[3] == "sock"]
    return []


def _sweep(folder: str) -> None:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        left = {match[1] + (match[2] or "") for entry in entries if (match := _FILE.fullmatch(entry.name))}
        for name in sorted(left)[:_SWEPT]:
            _remove_stale(folder, name)


def _remove_stale(folder: str, name: str) -> None:
    path, file = (os.path.join(folder, f"{name}.{kind}") for kind in ("sock", "json"))
    if runs(int(name.partition("-")[0])) or not _is_free(path):
        return
    if not os.path.lexists(path):
        # The socket is in another folder, or already removed while the file still exists.
        path = _socket_of(file)
        if not path or not _is_free(path):
            return
    for each in (file, path):
        with contextlib.suppress(OSError):
            os.unlink(each)


def _socket_of(file: str) -> str:
    """Return the socket path in an advert file; empty if the file can't be read."""
    try:
        with open(file, encoding="utf-8") as source:
            advert = json.loads(source.read(1 << 16))
        path = advert["socket"]
        return path if isinstance(path, str) and os.path.basename(path) == f"{advert['id']}.sock" else ""
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def runs(pid: int) -> bool:
    """Return whether a process with this number exists; in another PID namespace it may be another process."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _is_free(path: str) -> bool:
    """Return whether nothing listens on the path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        return super(socket.socket, probe).connect_ex(path) in (errno.ECONNREFUSED, errno.ENOENT)


@contextlib.contextmanager
def _locked(*folders: str) -> Iterator[bool]:
    """Lock the folders while names are chosen or removed; yields False if that is not possible in time."""
    with contextlib.ExitStack() as stack:
        locked = True
        for folder in dict.fromkeys(folders):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            locked = locked and _lock(descriptor)
        yield locked


def _lock(descriptor: int) -> bool:
    import fcntl  # noqa: PLC0415 - not on Windows

    end = time.monotonic() + _LOCK_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(0.001)
        except OSError:
            return False
        else:
            return True


def _bind(path: str) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # nothing listens there any more
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Not `listening.bind`: the supervisor takes over the program's own sockets, but not this one.
        super(socket.socket, listener).bind(path)
        os.chmod(path, 0o600)
        super(socket.socket, listener).listen(_BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _about(info: ProgramInfo) -> dict[str, object]:
    return {
        "name": info.name.encode("utf-8", "replace").decode()[:1000],
        "roots": _utf8(info.roots),
        "startedAt": utc_text(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "version": __version__,
        "supervised": info.supervised,
    }


def _utf8(roots: Iterable[str]) -> list[str]:
    return [root.encode("utf-8", "replace").decode() for root in roots]


def _write(file: str, content: dict[str, object]) -> None:
    temporary = f"{file}.tmp"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as out:
        json.dump(content, out)
    os.replace(temporary, file)
