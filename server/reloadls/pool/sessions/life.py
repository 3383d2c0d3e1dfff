"""How far one session has come. `SessionHandle` and `Session` are two views of it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import Context
from typing import Any, Literal

__all__ = ["Life", "Outcome", "SessionState"]

SessionState = Literal["starting", "running", "ended"]
Outcome = Literal["success", "failed", "cancelled"]


class Life:
    """The state of one session, from its launch to its end. Used on the pool's event loop only."""

    __slots__ = (
        "abandoned",
        "began",
        "cancel_requested",
        "canceller",
        "cleaning",
        "context",
        "due",
        "ended",
        "error",
        "finders",
        "id",
        "last_error",
        "objects",
        "outcome",
        "pins",
        "rebinding",
        "rebinds",
        "started_at",
        "state",
        "task",
        "tasks",
    )

    def __init__(self, id: str, *, began: float, started_at: float) -> None:
        self.id = id
        self.began = began
        """When it was launched, on the pool's monotonic clock."""
        self.started_at = started_at
        """The same in seconds since the epoch."""
        self.state: SessionState = "starting"
        self.outcome: Outcome | None = None
        """Known once the entrypoint has ended; `on_end` may still be running."""
        self.error: BaseException | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the state is `ended`."""
        self.cancel_requested = False
        self.cleaning = False
        """The entrypoint has ended, and `on_end` is due or running: there is nothing left to cancel."""
        self.abandoned = False
        """It ignored its cancellation, and the pool was closed without it."""
        self.canceller: Callable[[], object] | None = None
        """What asks a session in another process to end."""
        self.task: asyncio.Task[None] | None = None
        self.tasks: set[asyncio.Task[object]] = set()
        """What the session has started, and is not done."""

        self.context: Context | None = None
        """That of the session's task."""
        self.objects: list[object] = []
        """What follows reloads."""
        self.finders: list[Callable[[], Iterable[object]]] = []
        """Functions that return more of it."""
        self.pins = 0
        self.due: deque[Any] = deque()
        """The reloads that the session has not followed yet, each with the objects that it affects."""
        self.rebinding: asyncio.Task[None] | None = None
        """What is at work on the first of them."""
        self.rebinds = 0
        self.last_error: str | None = None
        """Of the last reload that the session could not follow."""

    def cancel(self) -> None:
        """Ask the session to end. Before its first step it is not started at all; after its end nothing happens."""
        if self.cleaning or self.state == "ended":
            return
        self.cancel_requested = True
        if self.canceller is not None:
            self.canceller()
        elif self.state == "running" and self.task is not None:
            self.task.cancel()

    def decide(self, outcome: Outcome, error: BaseException | None = None) -> None:
        """Note how the entrypoint ends; what is noted first counts."""
        if self.outcome is None:
            self.outcome = outcome
            self.error = error

    def finish(self) -> None:
        """All is done, `on_end` included."""
        self.state = "ended"
        self.task = self.canceller = None
        if not self.ended.done():
            self.ended.set_result(None)
