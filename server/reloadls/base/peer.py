"""Which process is at the other end of a Unix domain socket, as the kernel reports it."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys

__all__ = ["peer_credentials"]


def peer_credentials(connection: socket.socket) -> tuple[int, int] | None:
    """Return the peer's process id and user id.

    Returns:
        (pid, uid); the pid is 0 if the peer is in another PID namespace. None if the system does not report them, as
        everywhere but on Linux.
    """
    if sys.platform != "linux":
        return None
    with contextlib.suppress(OSError):
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _ = struct.unpack("3i", credentials)
        return pid, uid
    return None
