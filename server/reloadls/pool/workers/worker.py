"""One worker process, as the pool sees it: started, listened to, watched by heartbeats, ended."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from reloadls.pool.errors import SetupFailed, WorkerDied
from reloadls.pool.sessions.life import Life

from . import child
from .channel import Channel
from .failures import unpack

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from reloadls.pool.clock import Clock, Timer
    from reloadls.pool.options import StartMethod

__all__ = ["Worker"]

_PING_S: Final = 2.0
_SILENT_S: Final = 10.0
"""A worker that does not answer for so long is killed."""
_STOP_S: Final = 5.0

Handler = Callable[[str, tuple[Any, ...]], None]
_log = logging.getLogger(__name__)


class Worker:
    """One process, from `start` to `over`.

    Args:
        places: how many sessions it may host.
        clock: what measures heartbeats.
        on_message: called with what it reports about its sessions: the kind, and the arguments.
        start_method: how the process starts.
        import_timeout_s: how long it may take to import the program.
    """

    def __init__(
        self, places: int, clock: Clock, on_message: Handler, start_method: StartMethod, import_timeout_s: float
    ) -> None:
        self.places = places
        self.lives: dict[str, Life] = {}
        self.memory_mb = 0.0
        self.ready: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        """Done when `setup` has run, with what it raised; or with `WorkerDied`."""
        self._clock = clock
        self._on_message = on_message
        self._heard = 0.0
        self._start_method: StartMethod = start_method
        self._import_timeout_s = import_timeout_s
        self._has_imported = False
        self.awaited: tuple[str, ...] = ()
        """The pinned sessions that a change of code waits for there."""
        self._timer: Timer | None = None
        self._channel: Channel
        self._process: BaseProcess | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it can take sessions."""
        return self.ready.done() and not self.ready.cancelled() and self.ready.result() is None

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return self._process.pid if self._process is not None else None

    async def run(self, payload: bytes) -> WorkerDied:
        """Start the process, and serve it until it has ended. Returns how it ended."""
        ours, theirs = socket.socketpair()
        level = logging.getLogger().level
        # On the loop's thread: Linux sends the signal of a parent's death when the thread that started the child ends.
        method = self._start_method
        context: Any = multiprocessing.get_context(method)
        process: BaseProcess = context.Process(
            target=child.main,
            args=(theirs, os.getpid(), payload, level),
            kwargs={"forked": method == "forkserver"},
            name="reloadls-pool-worker",
            daemon=True,
        )
        self._process = process
        try:
            process.start()
        finally:
            theirs.close()
        try:
            self._channel = await Channel.open(ours)
            self._heard = self._clock.monotonic()
            self._timer = self._clock.call_later(_PING_S, self._ping)
            while (message := await self._channel.receive()) is not None:
                self._take(*message)
        finally:
            died = await asyncio.shield(asyncio.ensure_future(self._over(process)))
        return died

    def launch(self, life: Life, data: bytes) -> None:
        """Start a session there."""
        self._channel.send("launch", life.id, data)
        self.lives[life.id] = life
        life.canceller = lambda: self._channel.send("cancel", life.id)

    async def drained(self) -> None:
        """Return when it has read most of what was sent."""
        await self._channel.drained()

    def stop(self) -> None:
        """Ask it to end; it is killed if it does not."""
        if self.is_ready:
            self._channel.send("stop")
            self._clock.call_later(_STOP_S, self.kill)
        else:
            self.kill()

    def kill(self) -> None:
        """End it now."""
        if self._process is not None:
            self._process.kill()

    def _take(self, kind: str, *args: Any) -> None:
        self._has_imported = True
        self._heard = self._clock.monotonic()
        match kind:
            case "hello":
                return
            case "ready":
                self._settle(None)
            case "setup_failed":
                self._settle(unpack(args[0]))
            case "pong":
                self.memory_mb = args[0]
            case "sessions":
                self.awaited = args[1]
                self._update(args[0])
            case "ending":
                if args[0] in self.lives:
                    self.lives[args[0]].cleaning = True
            case "log":
                _handle(args[0])
            case "running":
                if args[0] in self.lives:
                    self.lives[args[0]].state = "running"
                    self._on_message("changed", ())
            case _:
                self._on_message(kind, args)

    def _update(self, sessions: list[tuple[str, int, int, str | None]]) -> None:
        for id, pins, rebinds, last_error in sessions:
            if id in self.lives:
                life = self.lives[id]
                life.pins, life.rebinds, life.last_error = pins, rebinds, last_error
        self._on_message("changed", ())

    def _ping(self) -> None:
        silent = self._clock.monotonic() - self._heard
        if silent >= (_SILENT_S if self._has_imported else self._import_timeout_s):
            if not self._has_imported:
                text = f"setup failed: a worker has not imported the program within {silent:.0f} s"
                self._settle(SetupFailed(text))
            _log.error("worker %s has not answered for %.0f s and is killed", self.pid, silent)
            self.kill()
            return
        self._channel.send("ping")
        self._timer = self._clock.call_later(_PING_S, self._ping)

    async def _over(self, process: BaseProcess) -> WorkerDied:
        if self._timer is not None:
            self._timer.cancel()
        self._channel.close()
        await asyncio.to_thread(process.join, _STOP_S)
        if process.is_alive():
            process.kill()
            await asyncio.to_thread(process.join)
        died = WorkerDied(process.pid or 0, process.exitcode or 0)
        self._process = None
        process.close()
        self._settle(died)
        return died

    def _settle(self, result: BaseException | None) -> None:
        if not self.ready.done():
            self.ready.set_result(result)


def _handle(values: dict[str, Any]) -> None:
    record = logging.makeLogRecord(values)
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)
