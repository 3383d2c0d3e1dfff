"""A worker process: an event loop of its own that hosts sessions for a pool in another process."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from contextlib import suppress
from typing import Any, Final

from reloadls.base.hosted import hosted
from reloadls.base.live_sessions import Counts, live_sessions
from reloadls.base.parent_death import die_with_parent
from reloadls.pool.backend import BackendEvents
from reloadls.pool.clock import SystemClock, Timer
from reloadls.pool.local import LocalBackend
from reloadls.pool.sessions.life import Life
from reloadls.pool.sessions.session import current_session, serve_pool
from reloadls.pool.supervision.limits import resident_mb

from .channel import Channel
from .failures import pack
from .reference import load

__all__ = ["main"]

_UPDATE_S: Final = 0.1
"""How long changes of sessions are collected before the pool is sent them."""


def main(end: socket.socket, pool: int, payload: bytes, log_level: int, *, forked: bool) -> None:
    """Host sessions until the pool says stop, or its end of the socket closes.

    Args:
        end: the worker's end of the pair.
        pool: the pool's process.
        payload: the options, what is registered for rebinding, and the pool's name.
        log_level: the level of the pool's root logger.
        forked: a fork server has started it. That ends with the pool's process.
    """
    die_with_parent(os.getppid() if forked else pool, signal.SIGKILL)
    for number in (signal.SIGINT, signal.SIGTERM):  # the pool decides when its sessions end
        signal.signal(number, signal.SIG_IGN)
    asyncio.run(_Worker(pool).run(end, payload, log_level))
    logging.shutdown()


class _Worker:
    def __init__(self, pool: int) -> None:
        self._pool = pool
        """The pool's process."""
        self._clock = SystemClock()
        self._lives: dict[str, Life] = {}
        self._update: Timer | None = None
        self._loop: asyncio.AbstractEventLoop
        self._channel: Channel
        self._backend: LocalBackend

    async def run(self, end: socket.socket, payload: bytes, log_level: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._channel = await Channel.open(end)
        root = logging.getLogger()
        root.setLevel(log_level)
        root.addHandler(_Forward(self._channel))
        try:
            options, rebindings, name = load(payload)
            hosted.mark("workerOf", {"pid": self._pool, "pool": name})
            serve_pool(name)
            self._channel.send("hello")
            self._backend = LocalBackend(options, self._clock, self._events(), self._began, self._ending)
            for cls, rebinding in rebindings:
                self._backend.on_rebind(cls, rebinding)
            await self._backend.start(name)
            live_sessions.watch(self._followed)
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
                    self._channel.send("pong", resident_mb())
                    self._send_sessions()
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

    def _ending(self, life: Life) -> None:
        self._channel.send("ending", life.id)

    def _ended(self, life: Life) -> None:
        del self._lives[life.id]
        self._channel.send("ended", life.id, life.outcome, pack(life.error))

    def _changed(self) -> None:
        """The status of a session has changed: the pool learns of it in a moment, and of others with it."""
        if self._update is None:
            self._update = self._clock.call_later(_UPDATE_S, self._send_sessions)

    def _send_sessions(self) -> None:
        if self._update is not None:
            self._update.cancel()
            self._update = None
        found = [(life.id, life.pins, life.rebinds, life.last_error) for life in self._lives.values()]
        self._channel.send("sessions", found, self._backend.change_waits_for)

    def _followed(self, report: Any, counts: Counts) -> None:
        """Sessions have followed a reload of this process. On any thread."""
        paths = [module.path for module in report.modules if module.status == "reloaded"]
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._channel.send, "followed", report.at, paths, counts)

    def _events(self) -> BackendEvents:
        return BackendEvents(
            ended=self._ended,
            blocked=lambda id, text: self._channel.send("blocked", id, text),
            change_waits=self._change_waits,
            places=lambda places: None,
            worker=lambda text: None,
            changed=self._changed,
        )

    def _change_waits(self, id: str) -> None:
        self._channel.send("change_waits", id)
        self._changed()


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
        except Exception:  # of a message that does not fit its arguments
            self.handleError(record)

    def _plain(self, record: logging.LogRecord) -> dict[str, Any]:
        session = current_session()
        values = {key: value for key, value in vars(record).items() if isinstance(value, str | int | float | None)}
        text = record.getMessage()
        if record.exc_info and not record.exc_text:
            values["exc_text"] = logging.Formatter().formatException(record.exc_info)
        values.update(msg=text, args=None, exc_info=None, session=None if session is None else session.id)
        return values
