"""Pass listening sockets from one run of the program to the next, inside the program.

The methods of `socket.socket` are patched; asyncio, http.server and everything else in Python use them. Sockets that C
code creates can't be handed over, except uvloop's (see `uvloop_sockets`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Mapping
from typing import Any

from .addresses import Address, address_of, is_listener, same_address, unix_path
from .channel import Channel
from .uvloop_sockets import prepare_uvloop

__all__ = ["Handover", "Key"]

Key = tuple[int, str, int]
"""Family, address, and a counter for sockets bound to the same address."""

_PLAIN = {name: getattr(socket.socket, name) for name in ("accept", "bind", "close", "listen", "set_inheritable")}
_UNLINK = os.unlink
_SPIN_S = 0.005


class Handover:
    """Patches this process's sockets, from `install` on.

    Args:
        channel: the connection to the supervisor.
        held: the sockets of the previous program, key → descriptor. This object owns them.
    """

    def __init__(self, channel: Channel, held: Mapping[Key, int]) -> None:
        self._channel = channel
        self._held = {key: socket.socket(fileno=fd) for key, fd in held.items()}
        self._counts: Counter[Address] = Counter()
        self._bound: weakref.WeakKeyDictionary[socket.socket, Key] = weakref.WeakKeyDictionary()
        self._announced: weakref.WeakKeyDictionary[socket.socket, Key] = weakref.WeakKeyDictionary()
        self._served: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._accepting = 0
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._draining = False
        self._elsewhere: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        """Sockets whose connections C code accepts."""

    def install(self) -> None:
        """Patch `socket.socket` and `os.unlink`."""
        kind: Any = socket.socket
        ours = self

        def bind(sock: socket.socket, address: Any, /) -> None:
            ours.bind(sock, address)

        def listen(sock: socket.socket, *backlog: int) -> None:
            ours.listen(sock, *backlog)

        def accept(sock: socket.socket) -> tuple[socket.socket, Any]:
            return ours.accept(sock)

        def close(sock: socket.socket) -> None:
            ours.close(sock)

        def set_inheritable(sock: socket.socket, inheritable: bool) -> None:
            ours.set_inheritable(sock, inheritable)

        kind.bind, kind.listen, kind.accept, kind.close = bind, listen, accept, close
        kind.set_inheritable = set_inheritable
        os.unlink = os.remove = self.unlink
        if _UNLINK in os.supports_dir_fd:  # `shutil.rmtree` needs this to be safe against links
            os.supports_dir_fd.add(self.unlink)
        prepare_uvloop(self._elsewhere.add)

    @property
    def idle(self) -> bool:
        """Whether no accepted connection is open or about to be."""
        return not self._accepting and all(sock.fileno() < 0 for sock in list(self._served))

    def drain(self) -> None:
        """Accept no more connections; the next program does."""
        self._draining = True
        for sock in list(self._elsewhere):
            if sock.fileno() >= 0:
                _stop_accepting(sock)

    def drop_unclaimed(self) -> None:
        """Close the sockets that the program has not used by now."""
        while self._held:
            _PLAIN["close"](self._held.popitem()[1])

    # -- the patched methods

    def bind(self, sock: socket.socket, address: Any) -> None:
        """Like `socket.socket.bind`, but use the previous program's socket if it has the same address."""
        if not self._handles(sock):
            _PLAIN["bind"](sock, address)
            return
        at = address_of(sock, address)
        self._counts[at] += 1
        key = (*at, self._counts[at])
        held = self._held.pop(key, None)
        if held is None:
            try:
                _PLAIN["bind"](sock, address)
            except OSError as error:
                taken = self._held_at_address(sock, address) if error.errno == errno.EADDRINUSE else None
                if taken is None:
                    raise
                held = self._held.pop(taken)
        if held is not None:
            os.dup2(held.fileno(), sock.fileno(), inheritable=os.get_inheritable(sock.fileno()))
            _PLAIN["close"](held)
        self._bound[sock] = key

    def listen(self, sock: socket.socket, *backlog: int) -> None:
        """Like `socket.socket.listen`; sends the socket to the supervisor."""
        if (
            sock in self._bound
            and self._handles(sock)
            and os.get_blocking(sock.fileno()) != (sock.gettimeout() is None)
        ):
            # The socket shares its flags with the previous program's: change them only if this program needs it.
            sock.settimeout(sock.gettimeout())
        _PLAIN["listen"](sock, *backlog)
        self._announce(sock)

    def set_inheritable(self, sock: socket.socket, inheritable: bool) -> None:
        """Like `socket.socket.set_inheritable`; a bound socket that workers inherit is one that they listen on."""
        _PLAIN["set_inheritable"](sock, inheritable)
        if inheritable:
            self._announce(sock)

    def _announce(self, sock: socket.socket) -> None:
        key = self._bound.get(sock)
        if key is not None and self._handles(sock) and sock not in self._announced:
            self._announced[sock] = key
            self._channel.send({"type": "listening", "key": list(key)}, sock.fileno())

    def accept(self, sock: socket.socket) -> tuple[socket.socket, Any]:
        """Like `socket.socket.accept`; while draining, leaves connections to the next program."""
        if sock not in self._announced or not self._handles(sock):
            accepted: tuple[socket.socket, Any] = _PLAIN["accept"](sock)
            return accepted
        with self._lock:
            draining = self._draining
            self._accepting += not draining
        if draining:
            _refuse(sock)
        try:
            accepted = _PLAIN["accept"](sock)
            self._served.add(accepted[0])
        finally:
            with self._lock:
                self._accepting -= 1
        return accepted

    def close(self, sock: socket.socket) -> None:
        """Like `socket.socket.close`; notifies the supervisor."""
        _PLAIN["close"](sock)
        if sock in self._announced and sock.fileno() < 0 and os.getpid() == self._pid:
            key = self._announced.pop(sock)
            if not self._draining:
                self._channel.send({"type": "closed", "key": list(key)})

    def unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        """Like `os.unlink`, but keeps the path of a socket that another process listens on, or this one will."""
        if dir_fd is None and isinstance(path, (str, bytes, os.PathLike)) and self._is_kept(path):
            return
        _UNLINK(path, dir_fd=dir_fd)

    # -- internals

    def _handles(self, sock: socket.socket) -> bool:
        return is_listener(sock) and os.getpid() == self._pid

    def _held_at_address(self, sock: socket.socket, address: Any) -> Key | None:
        return next((key for key, held in self._held.items() if same_address(held, sock, address)), None)

    def _is_kept(self, path: Any) -> bool:
        if os.getpid() != self._pid or not (self._held or self._draining):
            return False
        kept = list(self._held.values()) + (list(self._announced) if self._draining else [])
        place = os.path.abspath(os.fsdecode(path))
        return any(sock.fileno() >= 0 and unix_path(sock) == place for sock in kept)


def _stop_accepting(sock: socket.socket) -> None:
    """Replace the socket behind `sock`'s descriptor, so that C code accepts no more connections from it."""
    silent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with contextlib.closing(silent), contextlib.suppress(OSError):  # only supported on Linux
        _PLAIN["bind"](silent, "")  # an abstract name chosen by the system
        _PLAIN["listen"](silent)
        silent.setblocking(False)
        os.dup2(silent.fileno(), sock.fileno(), inheritable=False)


def _refuse(sock: socket.socket) -> None:
    """Leave a connection to the next process: raise BlockingIOError if the caller handles it, else block for ever."""
    caller = sys._getframe(3)
    if sock.gettimeout() is not None or caller.f_code.co_name == "get_request":
        if sock.gettimeout() != 0:
            time.sleep(_SPIN_S)
        raise BlockingIOError(errno.EAGAIN, "the program is being replaced")
    threading.Event().wait()
