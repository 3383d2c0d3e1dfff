"""A thread that runs blocking calls one after another for an event loop."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["Worker"]

_STOP_S = 6.0
"""How long, in seconds, `stop` waits for a running call: longer than a call that `GuardedDisk` bounds."""

T = TypeVar("T")
_log = logging.getLogger(__name__)
_Job = tuple["asyncio.Future[Any]", Callable[[], Any]]


class Worker:
    """Runs blocking calls one after another on its own thread.

    One thread, so the data that it works on needs no lock. Its own thread, so a hung disk can't exhaust the event
    loop's shared pool. The thread is a daemon and never keeps the interpreter alive. It ends when the worker is
    garbage-collected without having been stopped.
    """

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(
            target=_work, args=(self._jobs, self._loop, self._ended), name=name, daemon=True
        )
        self._thread.start()
        self.abandon = weakref.finalize(self, self._jobs.put, None)
        """End the thread after the queued calls, without waiting: the event loop has ended."""

    async def run(self, call: Callable[..., T], *args: Any) -> T:
        """Run ``call(*args)`` on the thread; return its result or raise its exception."""
        done: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((done, lambda: call(*args)))
        return await done

    async def stop(self) -> None:
        """End the thread after the queued calls. A call that hangs is abandoned after a few seconds."""
        self.abandon()
        ended, _ = await asyncio.wait({self._ended}, timeout=_STOP_S)
        if ended:
            self._thread.join()
        else:
            _log.warning("a disk call did not end within %g s; abandoning its thread", _STOP_S)


def _work(jobs: queue.SimpleQueue[_Job | None], loop: asyncio.AbstractEventLoop, ended: asyncio.Future[Any]) -> None:
    """Run on the thread. Keep no reference to the worker, nor to a finished call."""
    while (job := jobs.get()) is not None:
        _do(loop, *job)
        del job
    _post(loop, ended, None, None)


def _do(loop: asyncio.AbstractEventLoop, done: asyncio.Future[Any], call: Callable[[], Any]) -> None:
    try:
        _post(loop, done, call(), None)
    except BaseException as error:  # any exception is the caller's
        _post(loop, done, None, error)


def _post(loop: asyncio.AbstractEventLoop, done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    try:
        loop.call_soon_threadsafe(_settle, done, result, error)
    except RuntimeError:  # the loop is closed: no caller is waiting
        return


def _settle(done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if done.done():  # the caller was cancelled
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)
