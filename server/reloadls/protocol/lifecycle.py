"""LSP's life cycle as a pure state machine: which messages are accepted in which phase.

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
    """The phase of one connection."""

    def __init__(self) -> None:
        self.phase: Phase = "new"

    def refuse(self, method: str) -> JsonRpcException | None:
        """Return the error for a request that is not accepted in this phase; None if it is."""
        if self.phase == "shutdown":
            return InvalidRequest(f"{method!r} arrived after 'shutdown'")
        if method == INITIALIZE:
            return None if self.phase == "new" else InvalidRequest("'initialize' was already sent")
        return None if self.phase == "running" else NotInitialized(method)

    def accepts_notification(self, method: str) -> bool:
        """Return whether a notification is processed in this phase."""
        return self.phase == "running" or method in (EXIT, CANCEL_REQUEST)

    def began(self, method: str) -> None:
        """Note that a request was accepted."""
        if method == INITIALIZE:
            self.phase = "starting"
        elif method == SHUTDOWN:
            self.phase = "shutdown"

    def ended(self, method: str, *, succeeded: bool) -> None:
        """Note that a request was answered; a failed `initialize` may be repeated."""
        if method == INITIALIZE and self.phase == "starting":
            self.phase = "running" if succeeded else "new"

    @property
    def exit_code(self) -> int:
        """The exit code if the connection ended now."""
        return 0 if self.phase == "shutdown" else 1
