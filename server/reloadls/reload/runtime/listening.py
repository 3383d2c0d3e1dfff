"""How others find this program: a file that says where it listens, there as long as it does."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from collections.abc import Iterable
from datetime import UTC, datetime

from reloadls._version import __version__

from .folder import socket_folder, targets_folder
from .place import Place

__all__ = ["Listening", "listen"]


class Listening:
    """The socket and the file. `close` removes both; in a forked child they are only let go of."""

    def __init__(self, listening: socket.socket, path: str, file: str) -> None:
        self.socket = listening
        self.path = path
        self.file = file
        self._pid = os.getpid()

    def close(self) -> None:
        """Listen no longer. Does nothing a second time."""
        self.socket.close()
        if os.getpid() == self._pid:
            for path in (self.file, self.path):
                with contextlib.suppress(OSError):
                    os.unlink(path)


def listen(place: Place) -> Listening:
    """Listen, and then say so.

    Raises:
        Unsafe: the folder is somebody else's.
        OSError: it can't be done.
    """
    folder = targets_folder()
    name = str(os.getpid())
    path = os.path.join(socket_folder(folder, f"{name}.sock"), f"{name}.sock")
    listening = _bind(path)
    file = os.path.join(folder, f"{name}.json")
    try:
        _write(file, {**_about(place), "id": name, "pid": os.getpid(), "socket": path})
    except BaseException:
        Listening(listening, path, file).close()
        raise
    return Listening(listening, path, file)


def _bind(path: str) -> socket.socket:
    # The number is ours, so what is there was left by a process that has ended.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Not `listening.bind`: a supervised program's own sockets are told to its supervisor, this one is not.
        super(socket.socket, listening).bind(path)
        os.chmod(path, 0o600)
        super(socket.socket, listening).listen(16)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


def _about(place: Place) -> dict[str, object]:
    started = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    return {
        "name": place.name.encode("utf-8", "replace").decode()[:1000],
        "roots": _utf8(place.roots),
        "startedAt": started,
        "python": ".".join(map(str, sys.version_info[:3])),
        "version": __version__,
        "supervised": place.supervised,
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
