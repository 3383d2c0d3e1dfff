"""How a pool shows itself in the status of its program: plain data, as docs/protocol.md has it, and commands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reloadls.base.hosted import Hosted, hosted
from reloadls.base.timestamps import utc_text

if TYPE_CHECKING:
    from .status import PoolStatus, SessionStatus

__all__ = ["Publication"]

Json = dict[str, Any]


class Publication:
    """A pool in the status of its program, from `begin` to `end`.

    Args:
        name: what it is called; a number is added where another pool has that name.
        status: returns the pool's status with at most so many sessions. On any thread.
        drain: begins to drain the pool; called on its event loop.
    """

    def __init__(self, name: str, status: Callable[[int], PoolStatus], drain: Callable[[], None]) -> None:
        self._name = name
        self._status = status
        self._drain = drain
        self._hosted: Hosted | None = None

    def begin(self) -> str:
        """Show the pool, whose event loop is the running one, and take commands. Returns its name there."""
        loop = asyncio.get_running_loop()
        commands = {"drain": lambda: _run_on(loop, self._drain)}

        def status(most: int) -> Json | None:
            return None if loop.is_closed() else _pool(self._status(most))

        self._hosted = hosted.add("pools", self._name, status, commands=commands)
        return self._hosted.name

    def end(self) -> None:
        """Show it no longer. Idempotent."""
        if self._hosted is not None:
            self._hosted.remove()
            self._hosted = None

    def changed(self) -> None:
        """The status may have changed."""
        if self._hosted is not None:
            self._hosted.changed()


def _pool(status: PoolStatus) -> Json:
    """Return a pool's status as it is sent. Times instead of ages: what has not changed stays the same."""
    active = status.starting + status.running
    return {
        "state": "starting" if status.state == "new" else status.state,
        "active": active,
        "max": status.max_sessions,
        "reserved": max(0, status.reserved),  # the event loop may be in the middle of a change
        "waiting": status.waiting,
        "pinned": status.pinned,
        "succeeded": status.succeeded,
        "failed": status.failed,
        "cancelled": status.cancelled,
        "consecutiveFailures": status.consecutive_failures,
        "rebinds": status.rebinds,
        "lastError": status.last_error,
        "drainReason": status.drain_reason,
        "changeWaitsFor": list(status.change_waits_for[:10]),
        "sessions": [_session(session) for session in status.sessions if session.state != "ended"],
        "more": max(0, active - len(status.sessions)),
    }


def _session(session: SessionStatus) -> Json:
    return {
        "id": session.id,
        "startedAt": utc_text(datetime.fromtimestamp(session.started_at, UTC)),
        "state": session.state,
        "pinned": session.pinned,
        "rebinds": session.rebinds,
        "lastError": session.last_error,
    }


def _run_on(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> Future[None]:
    """Call a function on an event loop, from any thread; the future is done when it has returned.

    Raises:
        RuntimeError: the loop is closed.
    """
    done: Future[None] = Future()

    def run() -> None:
        if not done.set_running_or_notify_cancel():
            return
        try:
            call()
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    loop.call_soon_threadsafe(run)
    return done
