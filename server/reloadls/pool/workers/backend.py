"""Sessions in worker processes: the least loaded takes the next, and a worker that dies is replaced."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextvars import copy_context
from dataclasses import replace
from typing import Any

from reloadls.base.live_sessions import Counts, live_sessions
from reloadls.pool.backend import BackendEvents
from reloadls.pool.clock import Clock, all_done
from reloadls.pool.errors import NotSpawnSafe, PoolError, PoolFull, SetupFailed, WorkerDied
from reloadls.pool.options import PoolOptions
from reloadls.pool.rebinding.rebinder import Rebinding
from reloadls.pool.sessions.ending import call_on_end
from reloadls.pool.sessions.life import Life
from reloadls.pool.sessions.namespace import Shared
from reloadls.pool.sessions.session import Session
from reloadls.pool.supervision.limits import resident_mb

from .accounting import Accounting
from .channel import MOST
from .reference import check_callback, dump
from .slot import Slot

__all__ = ["ProcessBackend"]

_log = logging.getLogger(__name__)


class ProcessBackend:
    """Runs sessions in processes of their own.

    Args:
        options: what runs; its callbacks travel by reference.
        clock: what measures time.
        events: what is reported.

    Raises:
        NotSpawnSafe: a callback can't travel.
    """

    def __init__(self, options: PoolOptions, clock: Clock, events: BackendEvents) -> None:
        for name in ("entrypoint", "setup", "on_end"):
            check_callback(name, getattr(options, name))
        self._options = options
        self._clock = clock
        self._events = events
        self._rebindings: list[tuple[type, Rebinding]] = []
        self._slots: list[Slot] = []
        self._accounting = Accounting(events.changed)
        self._data: dict[Life, Any] = {}
        """What sessions were launched with, for their `on_end` where the worker dies."""
        self._endings: set[asyncio.Task[None]] = set()

    async def start(self, name: str) -> None:
        """Start all workers, and wait until `setup` has run in each."""
        payload = dump("options", (replace(self._options, on_failure_limit=None), self._rebindings, name))
        count, places = self._options.processes, self._options.max_sessions
        sizes = [places // count + (index < places % count) for index in range(count)]
        self._slots = [
            Slot(size, payload, self._options, self._clock, events=self._events, owner=self) for size in sizes
        ]
        live_sessions.add(self._accounting)
        try:
            results = await asyncio.gather(*(slot.start() for slot in self._slots))
        except BaseException:
            await self.stop()
            raise
        failed = [result for result in results if result is not None]
        if failed:
            await self.stop()
            raise (
                failed[0] if isinstance(failed[0], SetupFailed) else SetupFailed(f"setup failed: {failed[0]}")
            ) from failed[0]

    def launch(self, life: Life, data: Any) -> None:
        """Start a session in the least loaded worker.

        Raises:
            NotSpawnSafe: the data can't travel, or are too large.
            PoolFull: the worker that has a place is being replaced.
        """
        body = dump("data", data)
        if len(body) > MOST // 2:
            raise NotSpawnSafe(f"data: {len(body)} bytes are more than {MOST // 2}; pass a path or a key instead")
        workers = [slot.worker for slot in self._slots if slot.has_room]
        if not workers:
            raise PoolFull("all places are taken until a worker that died is replaced")
        min(workers, key=lambda worker: len(worker.lives)).launch(life, body)
        if self._options.on_end is not None:
            self._data[life] = data
            life.ended.add_done_callback(lambda _: self._data.pop(life))

    async def sent(self, life: Life) -> None:
        """Return when the worker of a session has read most of what was sent to it."""
        for slot in self._slots:
            if life.id in slot.worker.lives:
                await slot.worker.drained()

    async def abandon(self, lives: Sequence[Life]) -> None:
        """Kill the workers of sessions that ignore their cancellation."""
        for life in lives:
            _log.error("session %r ignored its cancellation; its worker is killed", life.id)
            life.decide("cancelled")
        for slot in self._slots:
            if any(life.id in slot.worker.lives for life in lives):
                slot.worker.kill()
        await all_done(self._clock, [life.ended for life in lives], None)

    async def stop(self) -> None:
        """End all workers."""
        live_sessions.remove(self._accounting)
        slots, self._slots = self._slots, []
        await asyncio.gather(*(slot.stop() for slot in slots))

    def on_rebind(self, cls: type, rebinding: Rebinding) -> None:
        """Call `rebinding` in the workers; to be registered before the start."""
        if self._slots:
            raise PoolError("on_rebind: workers are running already; register it before the pool is started")
        dump("on_rebind", (cls, rebinding))
        self._rebindings.append((cls, rebinding))

    @property
    def change_waits_for(self) -> tuple[str, ...]:
        """The pinned sessions that a change of code waits for, in any worker."""
        workers = [slot.worker for slot in self._slots]
        return tuple(id for worker in workers for id in worker.awaited if id in worker.lives)

    def memory_mb(self) -> float:
        """How much memory this process and all workers occupy."""
        return resident_mb() + sum(slot.worker.memory_mb for slot in self._slots if slot.worker.is_ready)

    def resize(self) -> None:
        """A worker has become ready, or has ended."""
        self._events.places(sum(slot.worker.places for slot in self._slots if slot.worker.is_ready))

    def followed(self, slot: Slot, reload: str, paths: Iterable[str], counts: Counts) -> None:
        """The sessions of a worker have followed its last reload so far."""
        self._accounting.note(slot, reload, paths, counts)

    def died(self, life: Life, died: WorkerDied) -> None:
        """The worker of a session has died: call `on_end` here, unless it was called there."""
        life.decide("failed", died)
        if life.cleaning or self._options.on_end is None:
            self._finish(life)
            return
        life.cleaning = True
        task = asyncio.create_task(self._end(life), name=f"end {life.id}", context=copy_context())
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def _end(self, life: Life) -> None:
        try:
            session = Session(life, self._data[life], Shared(), _NotFollowing())
            await call_on_end(self._options, self._clock, copy_context(), session)
        finally:
            self._finish(life)

    def _finish(self, life: Life) -> None:
        life.finish()
        self._events.ended(life)


class _NotFollowing:
    """A session whose worker has died has nothing that could follow."""

    def pin(self, session: Session) -> None:
        """Nothing to pin."""

    def unpin(self, session: Session) -> None:
        """Nothing was pinned."""

    async def caught_up(self, session: Session) -> None:
        """There is nothing to catch up with."""
