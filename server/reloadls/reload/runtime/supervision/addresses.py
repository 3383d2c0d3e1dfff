"""How a listening socket is recognised in the program that comes after: by what it was asked to be bound to."""

from __future__ import annotations

import os
import socket
from typing import Any, Final

__all__ = ["Address", "address_of", "is_listener", "same_address", "unix_path"]

Address = tuple[int, str]
"""The family, and the address as the program gave it."""

_FAMILIES: Final = frozenset(
    {socket.AF_INET, socket.AF_INET6} | ({socket.AF_UNIX} if hasattr(socket, "AF_UNIX") else set())
)


def is_listener(sock: socket.socket) -> bool:
    """Whether it is of a kind that can be handed over."""
    return sock.family in _FAMILIES and sock.type == socket.SOCK_STREAM


def address_of(sock: socket.socket, address: Any) -> Address:
    """What `sock` was asked to be bound to."""
    return int(sock.family), _text(address)


def unix_path(sock: socket.socket) -> str | None:
    """The absolute path of a socket that has one."""
    if sock.family != getattr(socket, "AF_UNIX", None):
        return None
    name = sock.getsockname()
    return os.path.abspath(name) if isinstance(name, str) and name else None


def same_address(held: socket.socket, sock: socket.socket, address: Any) -> bool:
    """Whether `sock` is asked to be bound to where `held` is."""
    if held.family != sock.family or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    host, port = address[0], address[1]
    if not port:
        return False
    try:
        found = socket.getaddrinfo(host or None, port, sock.family, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)
    except (OSError, UnicodeError, TypeError):
        return False
    return any(each[4][:2] == held.getsockname()[:2] for each in found)


def _text(address: Any) -> str:
    if isinstance(address, (bytes, bytearray)):
        return repr(os.fsdecode(bytes(address)))
    if isinstance(address, os.PathLike):
        return repr(os.fsdecode(address))
    return repr(tuple(address[:2]) if isinstance(address, (tuple, list)) else address)
