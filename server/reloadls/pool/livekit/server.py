"""One `AgentServer` gets a class of its own, which hosts its jobs in a pool; other servers keep theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from .places import Places

__all__ = ["HostsJobs", "hosted_class", "is_hosted"]

_MARK = "_reloadls_hosted"


class HostsJobs(Protocol):
    """What hosts the jobs of a server."""

    @property
    def places(self) -> Places:
        """Those that are held for jobs."""

    closing: asyncio.Future[None]
    """Done once the server closes."""

    def jobs(self) -> Any:
        """What takes the place of the server's process pool."""

    def load(self) -> float:
        """The part of the places that is taken."""

    async def drain(self, begin: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Drain the server by `begin()`, its own way to do so, and the pool with it."""


def is_hosted(server: Any) -> bool:
    """Whether a server has such a class."""
    return hasattr(type(server), _MARK)


def hosted_class(base: type, hosting: HostsJobs) -> type:
    """A subclass of a server's class, under the same name.

    `AgentServer.run` assigns its process pool to `_proc_pool`, and calls what is in `_request_fnc` for each job that is
    offered: as properties, these are where the pool comes in.
    """

    def jobs(self: Any) -> Any:
        try:
            return self.__dict__["_proc_pool"]
        except KeyError:
            raise AttributeError("_proc_pool") from None

    def set_jobs(self: Any, process_pool: Any) -> None:
        self.__dict__["_proc_pool"] = hosting.jobs()  # LiveKit's own was not started: it has no process yet

    def answer(self: Any) -> Any:
        function = self.__dict__.get("_request_fnc")
        return None if function is None else hosting.places.within(function)

    def set_answer(self: Any, function: Any) -> None:
        self.__dict__["_request_fnc"] = function

    def effective_load(self: Any) -> float:
        own: float = self._worker_load
        return max(hosting.load(), own)

    async def queue_message(self: Any, message: Any) -> None:
        """A message that nobody will send is dropped: LiveKit would wait for ever once 128 of them are queued."""
        if self._conn_task is None or hosting.closing.done():
            return
        if not self._msg_chan.full():
            await base._queue_msg(self, message)  # type: ignore[attr-defined]
            return
        queueing = asyncio.ensure_future(base._queue_msg(self, message))  # type: ignore[attr-defined]
        try:
            await asyncio.wait([queueing, hosting.closing], return_when=asyncio.FIRST_COMPLETED)
            if queueing.done():
                queueing.result()
        finally:
            queueing.cancel()

    async def close(self: Any) -> None:
        if "_proc_pool" in self.__dict__ and not hosting.closing.done():
            hosting.closing.set_result(None)
        await base.aclose(self)  # type: ignore[attr-defined]

    async def drain(self: Any, *args: Any, **kwargs: Any) -> None:
        await hosting.drain(lambda: base.drain(self, *args, **kwargs))  # type: ignore[attr-defined]

    return type(
        base.__name__,
        (base,),
        {
            "__module__": base.__module__,
            "__qualname__": base.__qualname__,
            "__doc__": base.__doc__,
            _MARK: True,
            "_proc_pool": property(jobs, set_jobs),
            "_request_fnc": property(answer, set_answer),
            "_get_effective_load": effective_load,
            "_queue_msg": queue_message,
            "aclose": close,
            "drain": drain,
        },
    )
