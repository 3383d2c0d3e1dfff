"""Where hosts publish their status and take commands, and where the program's endpoint finds them.

`pool/`, `config/` and `reload/` don't import each other; they meet here. Nothing is computed until somebody asks.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from types import MappingProxyType
from typing import Any, Final, Literal

from .plain import plain

__all__ = ["Hosted", "HostedRegistry", "Kind", "Status", "hosted"]

Kind = Literal["pools", "configurations"]
"""The field of a program's status that lists the host; each has its shape in docs/protocol.md."""
Status = Callable[[int], Mapping[str, Any] | None]
"""Returns the status as plain JSON data; the number is how many members, such as sessions, it may list.

Called on any thread, and often: it must not block. The name is added by the registry. None: the host has ended without
having been removed, because its event loop was closed, for example.
"""
Command = Callable[[], "Future[Any]"]
"""Carries out a command. Called on any thread, must not block; the future is done once the host has followed it."""

_MOST_HOSTS: Final = 50
"""How many hosts of a kind are listed."""
_MOST_MEMBERS: Final = 200
"""How many members all hosts of a process list together, as long as there are fewer hosts than that."""

_log = logging.getLogger(__name__)


class Hosted:
    """One registered host. Its methods are thread-safe.

    Attributes:
        name: unique among the hosts of its kind in this process.
    """

    def __init__(
        self, registry: HostedRegistry, kind: Kind, name: str, status: Status, commands: Mapping[str, Command]
    ) -> None:
        self.kind = kind
        self.name = name
        self.status = status
        self.commands = commands
        self._registry = registry

    def changed(self) -> None:
        """The status may have changed. Costs next to nothing, so call it whenever that could be so."""
        self._registry.announce()

    def remove(self) -> None:
        """Publish the host no longer. Idempotent."""
        self._registry.remove(self)


class HostedRegistry:
    """The hosts of one process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: list[Hosted] = []
        self._marks: dict[str, Any] = {}
        self._listeners: tuple[Callable[[], object], ...] = ()

    def add(
        self,
        kind: Kind,
        name: str,
        status: Status,
        *,
        commands: Mapping[str, Command] = MappingProxyType({}),
    ) -> Hosted:
        """Publish a host until it is removed, or the process forks: the child's hosts register again.

        Args:
            kind: which field of the program's status lists it.
            name: for people; a number is appended if another host of this kind has it.
            status: returns its status.
            commands: what clients may ask of it.
        """
        with self._lock:
            taken = {host.name for host in self._hosts if host.kind == kind}
            host = Hosted(self, kind, _unique(name, taken), status, commands)
            self._hosts.append(host)
        self.announce()
        return host

    def remove(self, host: Hosted) -> None:
        """Publish a host no longer. Idempotent."""
        with self._lock:
            if host not in self._hosts:
                return
            self._hosts.remove(host)
        self.announce()

    def mark(self, field: str, value: Mapping[str, Any]) -> None:
        """Set a field of the status of this program itself, such as which pool it works for."""
        self._marks[field] = plain(value)
        self.announce()

    def status(self) -> dict[str, Any]:
        """Return the fields that hosts add to this program's status; none if there are no hosts."""
        with self._lock:
            hosts, found = list(self._hosts), dict(self._marks)
        share = max(1, _MOST_MEMBERS // len(hosts)) if hosts else 0
        for host in hosts:
            listed = found.setdefault(host.kind, [])
            if len(listed) < _MOST_HOSTS:
                listed += self._status_of(host, share)
        return {field: value for field, value in found.items() if value}

    def _status_of(self, host: Hosted, share: int) -> list[dict[str, Any]]:
        """Return the host's status; nothing if it fails or has ended."""
        try:
            status = host.status(share)
            if status is not None:
                return [plain({"name": host.name, **status})]
        except Exception:
            _log.exception("the status of %s (%s) is not available", host.name, host.kind)
        else:
            self.remove(host)
        return []

    def run(self, kind: Kind, name: str, command: str) -> Future[Any]:
        """Have a host carry out a command.

        Raises:
            LookupError: no such host is registered, or it does not take this command.
        """
        with self._lock:
            hosts = {host.name: host for host in self._hosts if host.kind == kind}
        if name not in hosts:
            known = ", ".join(sorted(hosts)[:10]) or "none"
            raise LookupError(f"unknown name {name[:100]!r} in {kind}; there are: {known}")
        if command not in hosts[name].commands:
            raise LookupError(f"{name}: can't {command}")
        return hosts[name].commands[command]()

    def listen(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Have `listener()` called, on any thread, whenever the status may have changed. Returns what ends that."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def stop() -> None:
            with self._lock:
                self._listeners = tuple(each for each in self._listeners if each is not listener)

        return stop

    def announce(self) -> None:
        """Call the listeners."""
        for listener in self._listeners:
            try:
                listener()
            except Exception:
                _log.exception("a listener of hosted things failed")

    def renew(self) -> None:
        """In a forked child: the parent's hosts do not run here."""
        self.__init__()  # type: ignore[misc]


def _unique(name: str, taken: set[str]) -> str:
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    return found


hosted = HostedRegistry()
"""Those of this process."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=hosted.renew)
