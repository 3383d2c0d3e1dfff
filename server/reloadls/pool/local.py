"""Sessions as coroutines of this process: host, watchdog and reloads as one."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .backend import BackendEvents
from .clock import Clock
from .options import PoolOptions
from .rebinding.following import Following
from .rebinding.rebinder import Rebinding
from .sessions.hosting import Host
from .sessions.life import Life
from .sessions.session import CURRENT, Session
from .sessions.setup import set_up
from .supervision.limits import resident_mb
from .supervision.watchdog import Watchdog

if TYPE_CHECKING:
    from .sessions.namespace import Shared

__all__ = ["LocalBackend"]

_log = logging.getLogger(__name__)


class LocalBackend:
    """Runs sessions on the event loop that it is started on.

    Args:
        options: what runs.
        clock: what measures time.
        events: what is reported.
        began: called when a session makes its first step.
        ending: called before the `on_end` of a session.
    """

    def __init__(
        self,
        options: PoolOptions,
        clock: Clock,
        events: BackendEvents,
        began: Callable[[Life], None] = lambda life: None,
        ending: Callable[[Life], None] = lambda life: None,
    ) -> None:
        self._options = options
        self._clock = clock
        self._events = events
        self._began = began
        self._ending = ending
        waits, changed = events.change_waits, events.changed
        self._following = Following(lambda: self._host.sessions, clock, options.pin_timeout_s, waits, changed)
        self._loop: asyncio.AbstractEventLoop
        self._shared: Shared
        self._host: Host
        self._watchdog: Watchdog

    async def start(self, name: str) -> None:
        """Run `setup`, and be ready for sessions."""
        self._loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        context.run(CURRENT.set, None)
        self._shared = await set_up(self._options, self._clock, context)
        calls = {"began": self._on_began, "ending": self._ending}
        self._host = Host(self._options, self._clock, context, self._on_ended, self._following, **calls)
        self._following.start()
        self._watchdog = Watchdog(self._loop, self._on_blocked)

    def launch(self, life: Life, data: Any) -> None:
        """Start a session."""
        self._host.launch(life, data, self._shared)
        self._watchdog.watch(True)

    async def sent(self, life: Life) -> None:
        """Nothing has to travel."""

    async def abandon(self, lives: Sequence[Life]) -> None:
        """Give up sessions that ignore their cancellation."""
        await self._host.abandon(list(lives))

    async def stop(self) -> None:
        """Follow and watch nothing any more."""
        self._following.stop()
        self._host.stop()
        self._watchdog.stop()

    def on_rebind(self, cls: type, rebinding: Rebinding) -> None:
        """Call `rebinding` for objects of a class after a reload."""
        self._following.rebinder.register(cls, rebinding)

    @property
    def change_waits_for(self) -> tuple[str, ...]:
        """The pinned sessions that a change of code waits for."""
        return self._following.awaited

    def memory_mb(self) -> float:
        """How much memory this process occupies."""
        return resident_mb()

    def _on_began(self, life: Life) -> None:
        self._began(life)
        self._events.changed()

    def _on_ended(self, session: Session) -> None:
        self._following.end(session)
        self._watchdog.watch(bool(self._host.sessions))
        self._events.ended(session._life)

    def _on_blocked(self, task: asyncio.Task[Any], seconds: float, stack: str) -> None:
        """On the watchdog's thread."""
        session = self._host.owners.owner(task)
        if session is None:
            return
        text = f"has held the event loop for {seconds * 1000:.0f} ms"
        _log.warning("session %r %s:\n%s", session.id, text, stack)
        self._loop.call_soon_threadsafe(self._events.blocked, session.id, f"{text}:\n{stack}")
