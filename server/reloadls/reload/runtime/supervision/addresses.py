"""Recognise a listening socket in the next program, by the address it asked for."""

from __future__ import annotations

import os
import socket
from typing import Any, Final

__all__ = ["Address", "address_of", "is_listener", "same_address", "unix_path"]

Address = tuple[int, str]
"""The socket's family, and the address as the program gave it."""

_FAMILIES: Final = frozenset(
    {socket.AF_INET, socket.AF_INET6} | ({socket.AF_UNIX} if hasattr(socket, "AF_UNIX") else set())
)


def is_listener(sock: socket.socket) -> bool:
    """Return whether the socket is of a kind that can be handed over."""
    return sock.family in _FAMILIES and sock.type == socket.SOCK_STREAM


def address_of(sock: socket.socket, address: Any) -> Address:
    """Return the address that `sock` is about to be bound to."""
    return int(sock.family), _text(address)


def unix_path(sock: socket.socket) -> str | None:
    """Return the absolute path of a Unix socket; None for others."""
    if sock.family != getattr(socket, "AF_UNIX", None):
        return None
    name = sock.getsockname()
    return os.path.abspath(name) if isinstance(name, str) and name else None


def same_address(held: socket.socket, sock: socket.socket, address: Any) -> bool:
    """Return whether binding `sock` to `address` is the same as where `held` is bound."""
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
