"""Messages between the supervisor and the program, with file descriptors."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import socket
from collections import deque
from typing import Any

__all__ = ["Channel", "Message", "move_up"]

Message = dict[str, Any]

_READ = 64 * 1024
_MAX_FDS = 16
_HIGHEST = 1024
_RESERVED = 32


def move_up(fd: int) -> int:
    """Move a descriptor to a high number, beyond those that programs close with `os.closerange(3, 256)`."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY or limit > _HIGHEST:
        limit = _HIGHEST
    try:
        moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, max(limit - _RESERVED, 0))
    except OSError:  # no descriptor is free
        return fd
    os.close(fd)
    return moved


class Channel:
    """One end of a connection that carries JSON lines. A message with `"fd": true` comes with a descriptor."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._file = _file(connection)
        self._rest = b""
        self._fds: deque[int] = deque()

    @staticmethod
    def pair() -> tuple[Channel, Channel]:
        """Return two connected ends."""
        left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        return Channel(left), Channel(right)

    def moved_up(self) -> Channel:
        """Return the same end with a high descriptor number; this object must not be used any more."""
        return Channel(socket.socket(fileno=move_up(self._socket.detach())))

    @property
    def cut_off(self) -> bool:
        """Whether the program has closed the descriptor, whose number may now belong to another file."""
        return _file(self._socket) != self._file

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close this end."""
        if self.cut_off:
            self._socket.detach()
        self._socket.close()

    def send(self, message: Message, fd: int | None = None) -> bool:
        """Send one message; return False if the other end is closed."""
        whole = message if fd is None else {**message, "fd": True}
        data = json.dumps(whole).encode() + b"\n"
        if self.cut_off:
            return False
        try:
            sent = socket.send_fds(self._socket, [data], [] if fd is None else [fd])
            self._socket.sendall(data[sent:])
        except OSError:
            return False
        return True

    def receive(self) -> list[tuple[Message, int | None]] | None:
        """Wait for messages, each with its descriptor; None if the other end is closed."""
        if self.cut_off:
            return None
        try:
            data, fds, _, _ = socket.recv_fds(self._socket, _READ, _MAX_FDS)
        except OSError:
            return None
        self._fds.extend(fds)
        if not data:
            self._drop()
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        found = []
        for line in lines:
            message = json.loads(line)
            found.append((message, self._take_fd() if message.get("fd") else None))
        return found

    def _take_fd(self) -> int | None:
        if not self._fds:
            return None
        fd = self._fds.popleft()
        os.set_inheritable(fd, False)
        return fd

    def _drop(self) -> None:
        while self._fds:
            with contextlib.suppress(OSError):
                os.close(self._fds.popleft())


def _file(connection: socket.socket) -> tuple[int, int] | None:
    """Return the identity of the file behind a socket's descriptor."""
    try:
        found = os.fstat(connection.fileno())
    except OSError:
        return None
    return found.st_dev, found.st_ino
