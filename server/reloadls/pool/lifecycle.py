"""How far a pool has come: it is started, drained and closed, each once, by however many callers."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import TYPE_CHECKING

from reloadls.base.event import Event

from .clock import Clock, all_done
from .errors import PoolDraining, PoolError, PoolNotRunning
from .signals import on_sigterm

if TYPE_CHECKING:
    from .admission import Admission
    from .backend import Backend
    from .ledger import Ledger
    from .publishing import Publication
    from .sessions.life import Life
    from .status import PoolState
    from .supervision.supervisor import Supervisor

__all__ = ["Lifecycle"]

_log = logging.getLogger(__name__)


class Lifecycle:
    """Starts, drains and closes a pool. See the methods of `SessionPool`.

    Args:
        clock: what measures time.
        admission: who has places; nobody gets one any more once the pool drains.
        ledger: the sessions, and where events are published.
        backend: where they run.
        supervisor: works while the pool does.
        publication: shows the pool from its start to its end.
        close_timeout_s: how long `close` waits for cancelled sessions.
    """

    def __init__(
        self,
        clock: Clock,
        admission: Admission,
        ledger: Ledger,
        backend: Backend,
        *,
        supervisor: Supervisor,
        publication: Publication,
        close_timeout_s: float,
    ) -> None:
        self.state: PoolState = "new"
        self._clock = clock
        self._admission = admission
        self._ledger = ledger
        self._backend = backend
        self._supervisor = supervisor
        self._publication = publication
        self._close_timeout_s = close_timeout_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leaving = Event()
        """Set once the pool drains or closes."""
        self._starting: asyncio.Task[None] | None = None
        self._starters = 0
        self._closing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Run `setup`, and admit sessions from now on."""
        if self.state in ("closing", "closed"):
            raise PoolNotRunning(f"the pool is {self.state} and can't be started again; make a new one")
        if self._starting is None:
            self._loop = asyncio.get_running_loop()
            self._starting = self._loop.create_task(self._start(), name="reloadls-pool-start")
        self.check_loop()
        starting = self._starting
        self._starters += 1
        try:
            await all_done(self._clock, [starting], None)
        except asyncio.CancelledError:
            if self._starters == 1:  # nobody else wants it
                starting.cancel()
            raise
        finally:
            self._starters -= 1
        if starting.cancelled():
            raise PoolNotRunning("the pool was closed while it was starting")
        starting.result()

    async def _start(self) -> None:
        self.state = "starting"
        name = self._publication.begin()
        try:
            await self._backend.start(name)
        except BaseException:
            self._publication.end()
            if self.state == "starting":
                self.state, self._starting, self._loop = "new", None, None
            raise
        self.state = "running"
        self._publication.changed()
        self._supervisor.start()

    def begin_drain(self) -> None:
        """Admit no sessions from now on."""
        self.check_loop()
        if self.state == "starting":
            self._begin_close()
        elif self.state == "running":
            self.state = "draining"
            self._admission.refuse_all(lambda: PoolDraining("the pool is draining"))
            self._ledger.send("draining", self._ledger.drain_reason or "")
            self._leaving.set()

    async def drain(self, timeout_s: float | None, own: Life | None = None) -> bool:
        """Begin to drain, and wait until all sessions but `own` have ended; returns whether they have."""
        self.begin_drain()
        lives = [life for life in self._ledger.lives.values() if life is not own]
        return await all_done(self._clock, [life.ended for life in lives], timeout_s)

    async def close(self) -> None:
        """Cancel all sessions, and wait for their ends, for `close_timeout_s` at most."""
        if self.state == "new" and self._starting is None:
            self.state = "closed"
            self._ledger.close()
            return
        self.check_loop()
        await all_done(self._clock, [self._begin_close()], None)

    def _begin_close(self) -> asyncio.Task[None]:
        if self._closing is None:
            assert self._loop is not None
            loop, context = self._loop, contextvars.Context()
            self._closing = loop.create_task(self._close(), name="reloadls-pool-close", context=context)
        return self._closing

    async def _close(self) -> None:
        started = self.state in ("running", "draining")
        self.state = "closing"
        self._publication.changed()
        self._leaving.set()
        self._admission.refuse_all(lambda: PoolNotRunning("the pool is closing"))
        if started:
            await self._end_sessions()
        elif self._starting is not None:
            self._starting.cancel()
            await all_done(self._clock, [self._starting], None)
        await self._supervisor.stop()
        self.state = "closed"
        self._publication.end()
        self._ledger.send("closed")
        self._ledger.close()

    async def _end_sessions(self) -> None:
        lives = list(self._ledger.lives.values())
        for life in lives:
            life.cancel()
        if not await all_done(self._clock, [life.ended for life in lives], self._close_timeout_s):
            await self._backend.abandon([life for life in lives if life.state != "ended"])
        await self._backend.stop()

    async def run(self, drain_timeout_s: float | None) -> bool:
        """Start the pool, and host sessions until it drains; returns whether all ended by themselves."""
        with on_sigterm(self._on_first_signal, self._on_later_signal):
            try:
                await self.start()
                await self._leaving.wait()
                ended = self.state == "draining" and await self.drain(drain_timeout_s)
                return ended and self._closing is None
            except PoolNotRunning:
                if self._closing is None:
                    raise
                return False  # SIGTERM came while the pool was starting
            finally:
                await self.close()

    def _on_first_signal(self) -> None:
        _log.info("SIGTERM: the pool drains")
        if self._loop is not None:
            self.begin_drain()

    def _on_later_signal(self) -> None:
        _log.info("SIGTERM again: the pool closes")
        if self._loop is not None:
            self._begin_close()

    def check_admits(self) -> None:
        """Raise unless sessions are admitted."""
        self.check_loop()
        if self.state == "draining":
            raise PoolDraining("the pool is draining")
        if self.state != "running":
            raise PoolNotRunning(f"the pool is {self.state}")

    def check_loop(self) -> None:
        """Raise unless this is the pool's event loop."""
        if self._loop is None:
            raise PoolNotRunning("the pool is new; call `await pool.start()` or use `async with pool`")
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is not self._loop:
            raise PoolError(
                "called outside of the pool's event loop; from another thread use "
                "`asyncio.run_coroutine_threadsafe(..., loop)`"
            )
