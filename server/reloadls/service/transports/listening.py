"""Open a listening socket that only this machine, or only this user, can reach."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import ipaddress
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from .errors import ServeError
from .unix_socket import listen_on_path

__all__ = ["Listening", "SocketTransport", "listen"]

SocketTransport = Literal["tcp", "ws", "socket"]

_BACKLOG: Final = 128
_ADDRESS = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Listening:
    """A listening socket and its address, as clients write it."""

    socket: socket.socket
    address: str


@contextlib.contextmanager
def listen(transport: SocketTransport, address: str) -> Iterator[Listening]:
    """Listen while the context is open.

    Args:
        transport: the kind of socket.
        address: `HOST:PORT`, where port 0 is any free port; a path for `socket`.

    Yields:
        The socket and its address.

    Raises:
        ServeError: the address is invalid, in use, or reachable by others; or a library is missing.
    """
    if transport == "ws" and importlib.util.find_spec("websockets") is None:
        raise ServeError("--ws", address, "needs the library websockets: install reloadls[ws]")
    if transport == "socket":
        with listen_on_path(address, _BACKLOG) as (listening, path):
            yield Listening(listening, path)
        return
    with _listen_on_port(f"--{transport}", address) as listening:
        host, port = listening.getsockname()[:2]
        yield Listening(listening, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def _listen_on_port(option: str, value: str) -> socket.socket:
    match = _ADDRESS.fullmatch(value)
    if match is None or int(match["port"]) > 65535:
        raise ServeError(option, value, "must be HOST:PORT, such as 127.0.0.1:0; the port is 0 to 65535, 0 for any")
    family, host = _loopback(option, value, match["v6"] or match["host"])
    try:
        listening = socket.create_server((host, int(match["port"])), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ServeError(option, value, _explain(error)) from None
    listening.setblocking(False)
    return listening


def _loopback(option: str, value: str, host: str) -> tuple[socket.AddressFamily, str]:
    """Return the address to bind, which only users of this machine can reach."""
    try:
        found = [ipaddress.ip_address(host)] if host != "localhost" else _resolve_localhost()
    except ValueError:
        found = []
    if not found or not all(address.is_loopback for address in found):
        raise ServeError(option, value, "must be a loopback address: 127.0.0.1, [::1] or localhost")
    first = min(found, key=lambda address: address.version)
    return socket.AF_INET if first.version == 4 else socket.AF_INET6, str(first)


def _resolve_localhost() -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [ipaddress.ip_address(entry[4][0]) for entry in found]


def _explain(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the port is in use; stop the process that uses it, or choose another port (0: any free one)"
    if error.errno == errno.EACCES:
        return "the port needs privileges; choose one above 1023, or 0 for any free one"
    return f"can't listen ({os.strerror(error.errno or 0)})"
