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
    "RECORDS_DID_CHANGE",
    "RECORDS_SUBSCRIBE",
    "RECORDS_SYNC",
    "RECORDS_UNSUBSCRIBE",
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

RECORDS_SUBSCRIBE: Final = "records/subscribe"
RECORDS_UNSUBSCRIBE: Final = "records/unsubscribe"
RECORDS_SYNC: Final = "records/sync"

DID_CHANGE: Final = "reload/didChange"
DID_CHANGE_STATUS: Final = "reload/didChangeStatus"
DID_RELOAD: Final = "reload/didReload"
RECORDS_DID_CHANGE: Final = "records/didChange"

REQUESTS: Final = (
    STATUS, REFRESH_PATHS, SYNC, SINCE, PAUSE, RESUME, TRIGGER, DRAIN,
    RECORDS_SUBSCRIBE, RECORDS_UNSUBSCRIBE, RECORDS_SYNC,
)  # fmt: skip
"""Requests of the client."""

NOTIFICATIONS: Final = (DID_CHANGE, DID_CHANGE_STATUS, DID_RELOAD, RECORDS_DID_CHANGE)
"""Notifications of the server."""

COMMANDS: Final = MappingProxyType(
    {f"reloadls.{method.removeprefix('reload/').replace('/', '.')}": method for method in REQUESTS}
)
"""Command name -> the request that it stands for, for clients that only support `workspace/executeCommand`."""


def reload_capability() -> dict[str, object]:
    """Return the value of `capabilities.experimental.reload` in the response to `initialize`."""
    return {"version": PROTOCOL_VERSION, "requests": list(REQUESTS), "notifications": list(NOTIFICATIONS)}
