"""Names on the wire: methods, commands, and the capability that announces them.

Source: the project's wire contract, version 1.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

__all__ = [
    "COMMANDS",
    "DID_CHANGE",
    "DID_CHANGE_STATUS",
    "DID_RELOAD",
    "DRAIN",
    "NOTIFICATIONS",
    "PAUSE",
    "PROTOCOL_VERSION",
    "REFRESH_PATHS",
    "REQUESTS",
    "RESUME",
    "SINCE",
    "STATUS",
    "SYNC",
    "TRIGGER",
    "reload_capability",
]

PROTOCOL_VERSION: Final = 1
"""The version of the `reload/` methods, sent in the capability."""

STATUS: Final = "reload/status"
REFRESH_PATHS: Final = "reload/refreshPaths"
SYNC: Final = "reload/sync"
SINCE: Final = "reload/since"
PAUSE: Final = "reload/pause"
RESUME: Final = "reload/resume"
TRIGGER: Final = "reload/trigger"
DRAIN: Final = "reload/drain"

DID_CHANGE: Final = "reload/didChange"
DID_CHANGE_STATUS: Final = "reload/didChangeStatus"
DID_RELOAD: Final = "reload/didReload"

REQUESTS: Final = (STATUS, REFRESH_PATHS, SYNC, SINCE, PAUSE, RESUME, TRIGGER, DRAIN)
"""Requests of the client."""

NOTIFICATIONS: Final = (DID_CHANGE, DID_CHANGE_STATUS, DID_RELOAD)
"""Notifications of the server."""

COMMANDS: Final = MappingProxyType({f"reloadls.{method.partition('/')[2]}": method for method in REQUESTS})
"""Command name -> the request that it stands for, for clients that only support `workspace/executeCommand`."""


def reload_capability() -> dict[str, object]:
    """Return the value of `capabilities.experimental.reload` in the response to `initialize`."""
    return {"version": PROTOCOL_VERSION, "requests": list(REQUESTS), "notifications": list(NOTIFICATIONS)}
