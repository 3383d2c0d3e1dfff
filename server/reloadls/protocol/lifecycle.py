"""Which messages are taken when: LSP's life from `initialize` over `shutdown` to `exit`, as a pure machine.

Source: LSP 3.17, "Server lifecycle".
"""

from __future__ import annotations

from typing import Literal

from lsprotocol.types import CANCEL_REQUEST, EXIT, INITIALIZE, SHUTDOWN
from pygls.exceptions import JsonRpcException

from .errors import InvalidRequest, NotInitialized

__all__ = ["Lifecycle", "Phase"]

Phase = Literal["new", "starting", "running", "shutdown"]


class Lifecycle:
    """The state of one connection, as its client has brought it about."""

    def __init__(self) -> None:
        self.phase: Phase = "new"

    def refuse(self, method: str) -> JsonRpcException | None:
        """Return why a request is not taken now, or None."""
        if self.phase == "shutdown":
            return InvalidRequest(f"{method!r} came after 'shutdown'")
        if method == INITIALIZE:
            return None if self.phase == "new" else InvalidRequest("'initialize' was already sent")
        return None if self.phase == "running" else NotInitialized(method)

    def takes_notification(self, method: str) -> bool:
        """Return whether a notification has any effect now."""
        return self.phase == "running" or method in (EXIT, CANCEL_REQUEST)

    def began(self, method: str) -> None:
        """Note that a request was taken."""
        if method == INITIALIZE:
            self.phase = "starting"
        elif method == SHUTDOWN:
            self.phase = "shutdown"

    def ended(self, method: str, *, succeeded: bool) -> None:
        """Note that a request was answered; a failed `initialize` may be tried again."""
        if method == INITIALIZE and self.phase == "starting":
            self.phase = "running" if succeeded else "new"

    @property
    def exit_code(self) -> int:
        """What the process should return if the connection ended now."""
        return 0 if self.phase == "shutdown" else 1
