"""Sessions in worker processes: the least loaded takes the next, and a worker that dies is replaced."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from reloadls.pool.backend import BackendEvents
from reloadls.pool.clock import Clock, all_done
from reloadls.pool.errors import NotSpawnSafe, PoolError, PoolFull, SetupFailed, WorkerDied
from reloadls.pool.options import PoolOptions
from reloadls.pool.rebinding.rebinder import Rebinding
from reloadls.pool.sessions.life import Life
from reloadls.pool.supervision.limits import resident_mb

from .channel import MOST
from .failures import unpack
from .reference import check_callback, dump
from .worker import Worker

__all__ = ["ProcessBackend"]

_FIRST_S: Final = 0.1
_LONGEST_S: Final = 30.0
_DEATHS: Final = 5
"""So many deaths in a row during setup are reported, and fail the start."""

_log = logging.getLogger(__name__)


class ProcessBackend:
    """Runs sessions in processes that are started by spawn.

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
        self._slots: list[_Slot] = []

    async def start(self, name: str) -> None:
        """Start all workers, and wait until `setup` has run in each."""
        payload = dump("options", (replace(self._options, on_failure_limit=None), self._rebindings, name))
        count, places = self._options.processes, self._options.max_sessions
        sizes = [places // count + (index < places % count) for index in range(count)]
        self._slots = [_Slot(size, payload, self._clock, self._events, self._resize) for size in sizes]
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
        """Known to each worker alone; its events say it."""
        return ()

    def memory_mb(self) -> float:
        """How much memory this process and all workers occupy."""
        return resident_mb() + sum(slot.worker.memory_mb for slot in self._slots if slot.worker.is_ready)

    def _resize(self) -> None:
        self._events.places(sum(slot.worker.places for slot in self._slots if slot.worker.is_ready))


class _Slot:
    """Keeps one worker running."""

    def __init__(self, places: int, payload: bytes, clock: Clock, events: BackendEvents, resize: Any) -> None:
        self._places = places
        self._payload = payload
        self._clock = clock
        self._events = events
        self._resize = resize
        loop = asyncio.get_running_loop()
        self._started: asyncio.Future[BaseException | None] = loop.create_future()
        self._stopping: asyncio.Future[None] = loop.create_future()
        self._task: asyncio.Task[None] | None = None
        self._served = False
        self.worker = self._make()

    @property
    def has_room(self) -> bool:
        """Whether a session can be started there."""
        return self.worker.is_ready and len(self.worker.lives) < self.worker.places

    async def start(self) -> BaseException | None:
        """Start the worker; returns why it could not run `setup`."""
        self._task = asyncio.create_task(self._keep(), name="reloadls-pool-worker")
        return await asyncio.shield(self._started)

    async def stop(self) -> None:
        """End it, and start no other."""
        if not self._stopping.done():
            self._stopping.set_result(None)
            self.worker.stop()
        if self._task is not None:
            await asyncio.wait([self._task])

    def _make(self) -> Worker:
        worker = Worker(self._places, self._clock, self._on_message)
        worker.ready.add_done_callback(lambda _: self._on_ready(worker))
        return worker

    def _on_ready(self, worker: Worker) -> None:
        if worker.is_ready:
            self._resize()
            if not self._started.done():
                self._started.set_result(None)

    async def _keep(self) -> None:
        delay, deaths = _FIRST_S, 0
        while not self._stopping.done():
            died = await self.worker.run(self._payload)
            reason = self.worker.ready.result()
            self._fail_sessions(died)
            if self._stopping.done():
                break
            deaths = 0 if reason is None else deaths + 1
            if self._is_over(reason, deaths):
                break
            self._report(reason or died, deaths)
            delay = _FIRST_S if self._served else delay
            self._served = False
            self.worker = self._make()
            self._resize()
            await all_done(self._clock, [self._stopping], delay)
            delay = min(2 * delay, _LONGEST_S)
        if not self._started.done():
            self._started.set_result(PoolError("the pool was closed"))

    def _is_over(self, reason: BaseException | None, deaths: int) -> bool:
        """Whether the pool's start has failed."""
        if reason is None or self._started.done():
            return False
        if isinstance(reason, WorkerDied) and deaths < _DEATHS:
            return False
        self._started.set_result(reason)
        return True

    def _report(self, reason: BaseException, deaths: int) -> None:
        text = f"{reason}; it is replaced"
        if deaths:
            text = f"{reason} during setup, {deaths} times in a row"
        _log.log(logging.ERROR if deaths in (0, _DEATHS) else logging.WARNING, "%s", text)
        self._events.worker(text)

    def _fail_sessions(self, died: WorkerDied) -> None:
        for life in list(self.worker.lives.values()):
            self._end(life, "failed", died)

    def _on_message(self, kind: str, args: tuple[Any, ...]) -> None:
        match kind:
            case "ended":
                id, outcome, error = args
                self._served = True
                if id in self.worker.lives:
                    self._end(self.worker.lives[id], outcome, unpack(error))
            case "blocked":
                self._events.blocked(*args)
            case "change_waits":
                self._events.change_waits(*args)
            case "changed":
                self._events.changed()

    def _end(self, life: Life, outcome: Any, error: BaseException | None) -> None:
        del self.worker.lives[life.id]
        life.decide(outcome, error)
        life.finish()
        self._events.ended(life)
