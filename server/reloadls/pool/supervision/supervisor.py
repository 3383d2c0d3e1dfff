"""What happens when a pool as a whole is unwell: its owner is called, or the pool drains."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Final

from reloadls.pool.callbacks import call_within
from reloadls.pool.options import is_async

from .limits import FailureCount, MemoryWatch

if TYPE_CHECKING:
    from reloadls.pool.clock import Clock, Timer
    from reloadls.pool.events import EventKind
    from reloadls.pool.options import PoolOptions
    from reloadls.pool.sessions.life import Outcome

__all__ = ["Supervisor"]

_LOOK_S: Final = 5.0
"""How often memory is measured, in seconds."""

_log = logging.getLogger(__name__)


class Supervisor:
    """Counts failures and measures memory, from `start` to `stop`.

    Args:
        options: the limits, and whom to call.
        clock: what measures time.
        send: sends an event of the pool: its kind, and a message.
        drain: begins to drain the pool; called with the reason.
        memory_mb: measures the memory that sessions occupy.
    """

    def __init__(
        self,
        options: PoolOptions,
        clock: Clock,
        send: Callable[[EventKind, str], None],
        drain: Callable[[str], None],
        memory_mb: Callable[[], float],
    ) -> None:
        self._options = options
        self._clock = clock
        self._send = send
        self._drain = drain
        self._memory_mb = memory_mb
        self._failures = FailureCount(options.failure_limit)
        self._memory = MemoryWatch(options.memory_warn_mb, options.memory_limit_mb)
        self._timer: Timer | None = None
        self._calls: set[asyncio.Task[None]] = set()

    @property
    def consecutive_failures(self) -> int:
        """How many sessions have failed since the last success."""
        return self._failures.count

    def start(self) -> None:
        """Begin to measure memory, where there is a limit."""
        if self._memory.enabled:
            self._measure()

    async def stop(self) -> None:
        """End what is pending."""
        if self._timer is not None:
            self._timer.cancel()
        calls = [task for task in self._calls if task is not asyncio.current_task()]
        for task in calls:
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    def note(self, outcome: Outcome) -> None:
        """Note how a session has ended."""
        if not self._failures.note(outcome):
            return
        count = self._failures.count
        text = f"{count} sessions in a row have failed"
        _log.error(text)
        self._send("failureLimit", text)
        self._call_owner(count)

    def _call_owner(self, count: int) -> None:
        function = self._options.on_failure_limit
        if function is None:
            return
        if is_async(function):
            loop = asyncio.get_running_loop()
            task = asyncio.Task(self._await_owner(function, count), loop=loop, context=Context())
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)
            return
        try:
            function(count)
        except BaseException as error:
            _log.error("on_failure_limit failed: %s", error, exc_info=error)

    async def _await_owner(self, function: Callable[[int], object], count: int) -> None:
        seconds = self._options.end_timeout_s
        try:
            await call_within(function, count, seconds=seconds, clock=self._clock, context=Context())
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            _log.error("on_failure_limit failed: %s", error, exc_info=error)

    def _measure(self) -> None:
        used = self._memory_mb()
        match self._memory.note(used):
            case "warning":
                text = f"{used:.0f} MB in use, above memory_warn_mb ({self._options.memory_warn_mb:g})"
                _log.warning(text)
                self._send("memoryWarning", text)
            case "limit":
                text = f"{used:.0f} MB in use, above memory_limit_mb ({self._options.memory_limit_mb:g})"
                _log.error("%s: the pool drains", text)
                self._send("memoryLimit", text)
                self._drain(text)
        self._timer = self._clock.call_later(_LOOK_S, self._measure)
