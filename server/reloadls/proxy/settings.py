"""The settings of the proxy, and changes of what is watched for a server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reloadls.proxy import rewrite

__all__ = ["RegistrationChange", "Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of the proxy.

    Attributes:
        debounce: quiet time before changes are sent, in seconds.
        always: whether to watch for a client that watches files itself, too.
        globs: globs to watch without a registration, whatever the client does.
        keep_pull: whether a client that pulls diagnostics, but can't refresh them, still pulls.
        own: paths of files that the proxy writes, such as its log; their changes are ignored.
        on_registered: called with each registration that the proxy handles.
        on_notified: called when changes were sent to the server.
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
    """A change of what is watched.

    Attributes:
        add: new registrations; one with an existing id adds to it.
        remove: ids that the server unregisters.
        refused: registrations that the client has refused.
        folders: the new workspace folders, if all of them are replaced.
        added: workspace folders that were added.
        removed: workspace folders that were removed.
        answers: whether to answer request `id` once the change is applied.
        id: the id of that request.
    """

    add: tuple[rewrite.Registered, ...] = ()
    remove: tuple[str, ...] = ()
    refused: tuple[rewrite.Registered, ...] = ()
    folders: tuple[str, ...] | None = None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    answers: bool = False
    id: Any = None
