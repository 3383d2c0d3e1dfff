"""The one thread on which a watcher touches the disk."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["Worker"]

T = TypeVar("T")
_Job = tuple["asyncio.Future[Any]", Callable[[], Any]]


class Worker:
    """Runs blocking calls one after another on a thread of its own.

    One thread, so that what it works on needs no lock, and its own, so that a hung disk can't use up the
    event loop's shared pool. The thread is a daemon: it never keeps the interpreter alive.
    """

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def run(self, call: Callable[..., T], *args: Any) -> T:
        """Run ``call(*args)`` on the thread and return, or raise, what it gives."""
        done: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((done, lambda: call(*args)))
        return await done

    async def stop(self) -> None:
        """End the thread, after the call it is in. Calls still queued run first."""
        self._jobs.put(None)
        await asyncio.shield(self._ended)
        self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            done, call = job
            try:
                self._tell(_settle, done, call(), None)
            except BaseException as error:  # whatever it is, it belongs to the caller
                self._tell(_settle, done, None, error)
        self._tell(_settle, self._ended, None, None)

    def _tell(self, call: Callable[..., None], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:  # the loop is closed: nobody is left to tell
            return


def _settle(done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if done.done():  # its caller was cancelled
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)
