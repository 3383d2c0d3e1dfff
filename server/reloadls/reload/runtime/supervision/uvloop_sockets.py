"""Create uvloop's listening sockets in Python, so that they can be handed over; uvloop itself uses C."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

__all__ = ["prepare_uvloop"]


def prepare_uvloop(note: Callable[[socket.socket], None]) -> None:
    """Have uvloop's event loops listen on sockets made by Python, once uvloop is imported.

    Args:
        note: called with each socket; C code accepts its connections.
    """
    sys.meta_path.insert(0, _Finder(note))


class _Finder:
    """Finds uvloop as usual, and patches its loop after the import."""

    def __init__(self, note: Callable[[socket.socket], None]) -> None:
        self._note = note

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Like `importlib.abc.MetaPathFinder.find_spec`; None for every module but uvloop."""
        if name != "uvloop":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        loader: Any = None if spec is None else spec.loader
        if loader is None:
            return None
        plain = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            plain(module)
            _change(module.Loop, self._note)

        loader.exec_module = exec_module
        return spec


def _change(kind: Any, note: Callable[[socket.socket], None]) -> None:
    plain = kind.create_server

    async def create_server(loop: Any, factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        if not isinstance(host, str) or not isinstance(port, int) or _has_other_options(options):
            return await plain(loop, factory, host, port, **options)
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        if len(found) != 1:  # `sock=` takes a single socket
            return await plain(loop, factory, host, port, **options)
        listening = _listen(found[0], options.get("backlog", 100))
        note(listening)
        return await plain(loop, factory, sock=listening, **options)

    kind.create_server = create_server


def _has_other_options(options: dict[str, Any]) -> bool:
    return any(options.get(name) for name in ("sock", "family", "flags", "reuse_port")) or (
        options.get("reuse_address") is False
    )


def _listen(found: Any, backlog: int) -> socket.socket:
    family, kind, protocol, _, address = found
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setblocking(False)
        listening.bind(address)
        listening.listen(backlog)
    except BaseException:
        listening.close()
        raise
    return listening
