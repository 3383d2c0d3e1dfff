"""The one thread on which a watcher touches the disk."""

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
"""How long, in seconds, ending waits for a call: longer than one that `GuardedDisk` bounds."""

T = TypeVar("T")
_log = logging.getLogger(__name__)
_Job = tuple["asyncio.Future[Any]", Callable[[], Any]]


class Worker:
    """Runs blocking calls one after another on a thread of its own.

    One thread, so that what it works on needs no lock, and its own, so that a hung disk can't use up the
    event loop's shared pool. The thread is a daemon: it never keeps the interpreter alive. It ends when the worker is
    collected, if nobody has stopped it.
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
        """End the thread after the calls that are queued, without waiting for it: the event loop has ended."""

    async def run(self, call: Callable[..., T], *args: Any) -> T:
        """Run ``call(*args)`` on the thread and return, or raise, what it gives."""
        done: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((done, lambda: call(*args)))
        return await done

    async def stop(self) -> None:
        """End the thread, after the call it is in. Calls still queued run first. One that hangs is left behind."""
        self.abandon()
        ended, _ = await asyncio.wait({self._ended}, timeout=_STOP_S)
        if ended:
            self._thread.join()
        else:
            _log.warning("a call to the disk has not ended within %g s; its thread is left behind", _STOP_S)


def _work(jobs: queue.SimpleQueue[_Job | None], loop: asyncio.AbstractEventLoop, ended: asyncio.Future[Any]) -> None:
    """The thread; keeps no reference to the worker, nor to a call that is done."""
    while (job := jobs.get()) is not None:
        _do(loop, *job)
        del job
    _post(loop, ended, None, None)


def _do(loop: asyncio.AbstractEventLoop, done: asyncio.Future[Any], call: Callable[[], Any]) -> None:
    try:
        _post(loop, done, call(), None)
    except BaseException as error:  # whatever it is, it belongs to the caller
        _post(loop, done, None, error)


def _post(loop: asyncio.AbstractEventLoop, done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    try:
        loop.call_soon_threadsafe(_settle, done, result, error)
    except RuntimeError:  # the loop is closed: nobody waits for the answer
        return


def _settle(done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if done.done():  # its caller was cancelled
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)
