"""A worker process: an event loop of its own that hosts sessions for a pool in another process."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from typing import Any

from reloadls.base.hosted import hosted
from reloadls.base.parent_death import die_with_parent
from reloadls.pool.backend import BackendEvents
from reloadls.pool.clock import SystemClock
from reloadls.pool.local import LocalBackend
from reloadls.pool.sessions.life import Life
from reloadls.pool.sessions.session import current_session
from reloadls.pool.supervision.limits import resident_mb

from .channel import Channel
from .failures import pack
from .reference import load

__all__ = ["main"]


def main(end: socket.socket, parent: int, payload: bytes, log_level: int) -> None:
    """Host sessions until the pool says stop, or its end of the socket closes.

    Args:
        end: the worker's end of the pair.
        parent: the pool's process.
        payload: the options, what is registered for rebinding, and the pool's name.
        log_level: the level of the pool's root logger.
    """
    die_with_parent(parent, signal.SIGKILL)
    for number in (signal.SIGINT, signal.SIGTERM):  # the pool decides when its sessions end
        signal.signal(number, signal.SIG_IGN)
    asyncio.run(_Worker(parent).run(end, payload, log_level))
    logging.shutdown()


class _Worker:
    def __init__(self, pool: int) -> None:
        self._pool = pool
        """The pool's process."""
        self._clock = SystemClock()
        self._lives: dict[str, Life] = {}
        self._channel: Channel
        self._backend: LocalBackend

    async def run(self, end: socket.socket, payload: bytes, log_level: int) -> None:
        self._channel = await Channel.open(end)
        root = logging.getLogger()
        root.setLevel(log_level)
        root.addHandler(_Forward(self._channel))
        try:
            options, rebindings, name = load(payload)
            hosted.mark("workerOf", {"pid": self._pool, "pool": name})
            self._channel.send("hello")
            self._backend = LocalBackend(options, self._clock, self._events(), self._began)
            for cls, rebinding in rebindings:
                self._backend.on_rebind(cls, rebinding)
            await self._backend.start(name)
        except BaseException as error:
            self._channel.send("setup_failed", pack(error))
            await self._channel.finish()
            return
        self._channel.send("ready", os.getpid())
        await self._serve()

    async def _serve(self) -> None:
        while (message := await self._channel.receive()) is not None:
            match message:
                case ("launch", id, data):
                    self._launch(id, data)
                case ("cancel", id):
                    if id in self._lives:
                        self._lives[id].cancel()
                case ("ping",):
                    self._channel.send("pong", resident_mb(), self._sessions())
                case ("stop",):
                    await self._backend.stop()
                    await asyncio.sleep(0)  # records that other threads have logged
                    await self._channel.finish()
                    return
        os._exit(1)  # the pool's process has ended

    def _launch(self, id: str, data: bytes) -> None:
        life = Life(id, began=self._clock.monotonic(), started_at=self._clock.time())
        self._lives[id] = life
        try:
            self._backend.launch(life, load(data))
        except BaseException as error:
            life.decide("failed", error)
            life.finish()
            self._ended(life)

    def _began(self, life: Life) -> None:
        self._channel.send("running", life.id)

    def _ended(self, life: Life) -> None:
        del self._lives[life.id]
        self._channel.send("ended", life.id, life.outcome, pack(life.error))

    def _sessions(self) -> list[tuple[str, int, int, str | None]]:
        return [(life.id, life.pins, life.rebinds, life.last_error) for life in self._lives.values()]

    def _events(self) -> BackendEvents:
        return BackendEvents(
            ended=self._ended,
            blocked=lambda id, text: self._channel.send("blocked", id, text),
            change_waits=lambda id: self._channel.send("change_waits", id),
            places=lambda places: None,
            worker=lambda text: None,
            changed=lambda: None,
        )


class _Forward(logging.Handler):
    """Sends log records to the pool's process, with the id of the session that they come from."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        """Send one, from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._channel.send, "log", self._plain(record))
        except RuntimeError:  # the loop is closed
            return

    def _plain(self, record: logging.LogRecord) -> dict[str, Any]:
        session = current_session()
        values = {key: value for key, value in vars(record).items() if isinstance(value, str | int | float | None)}
        text = record.getMessage()
        if record.exc_info and not record.exc_text:
            values["exc_text"] = logging.Formatter().formatException(record.exc_info)
        values.update(msg=text, args=None, exc_info=None, session=None if session is None else session.id)
        return values
