"""What has to be watched for a server, and how: the settings of the proxy, and each order that changes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reloadls.proxy import rewrite

__all__ = ["RegistrationChange", "Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How watching is supplied.

    Attributes:
        debounce: quiet time before changes are told, in seconds.
        always: whether to do it for a client that watches by itself, too.
        globs: what is watched without being registered, whatever the client does.
        keep_pull: whether a client that pulls diagnostics, but can't be asked to pull them again, still pulls.
        own: the paths of files that we write: telling of them would make us write again.
        on_registered: called with each registration that is taken up here.
        on_notified: called when the server has been told of changes.
    """

    debounce: float = 0.05
    always: bool = False
    globs: tuple[str, ...] = ()
    keep_pull: bool = False
    own: frozenset[str] = frozenset()
    on_registered: Callable[[rewrite.Registered], None] = lambda _: None
    on_notified: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class RegistrationChange:
    """What changes about watching; then, if `answers`, request `id` is answered.

    Attributes:
        add: new registrations; one with an id that exists adds to it.
        remove: ids that the server unregisters.
        refused: registrations that the client has refused after all.
        folders: the workspace folders, if all of them are replaced.
        added, removed: workspace folders that come and go.
    """

    add: tuple[rewrite.Registered, ...] = ()
    remove: tuple[str, ...] = ()
    refused: tuple[rewrite.Registered, ...] = ()
    folders: tuple[str, ...] | None = None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    answers: bool = False
    id: Any = None
