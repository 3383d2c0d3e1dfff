"""One worker after the other: one that dies is replaced, later each time that it does so again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, Final, Protocol

from reloadls.base.live_sessions import Counts
from reloadls.pool.backend import BackendEvents
from reloadls.pool.clock import Clock, all_done
from reloadls.pool.errors import PoolError, WorkerDied
from reloadls.pool.options import PoolOptions
from reloadls.pool.sessions.life import Life

from .failures import unpack
from .worker import Worker

__all__ = ["Owner", "Slot"]

_FIRST_S: Final = 0.1
_LONGEST_S: Final = 30.0
_DEATHS: Final = 5
"""So many deaths in a row during setup are reported, and fail the start."""
_IMPORT: Final = 3
"""Importing the program may take so many times as long as `setup`."""

_log = logging.getLogger(__name__)


class Owner(Protocol):
    """What slots belong to."""

    def resize(self) -> None:
        """A worker has become ready, or has ended."""

    def died(self, life: Life, died: WorkerDied) -> None:
        """The worker of a session has died."""

    def followed(self, slot: Slot, reload: str, paths: Iterable[str], counts: Counts) -> None:
        """The sessions of a worker have followed its last reload, of these files, so far."""


class Slot:
    """Keeps one worker running.

    Args:
        places: how many sessions it may host.
        payload: what the worker is given.
        options: those of the pool.
        clock: what measures time.
        events: what is reported.
        owner: what its sessions and their reloads belong to.
    """

    def __init__(
        self, places: int, payload: bytes, options: PoolOptions, clock: Clock, *, events: BackendEvents, owner: Owner
    ) -> None:
        self._places = places
        self._options = options
        self._payload = payload
        self._clock = clock
        self._events = events
        self._owner = owner
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
        patience = _IMPORT * self._options.setup_timeout_s
        worker = Worker(self._places, self._clock, self._on_message, self._options.start_method, patience)
        worker.ready.add_done_callback(lambda _: self._on_ready(worker))
        return worker

    def _on_ready(self, worker: Worker) -> None:
        if worker.is_ready:
            self._owner.resize()
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
            self._owner.resize()
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
        self._owner.followed(self, "", (), Counts())
        for life in list(self.worker.lives.values()):
            del self.worker.lives[life.id]
            self._owner.died(life, died)

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
            case "followed":
                self._owner.followed(self, *args)

    def _end(self, life: Life, outcome: Any, error: BaseException | None) -> None:
        del self.worker.lives[life.id]
        life.decide(outcome, error)
        life.finish()
        self._events.ended(life)
