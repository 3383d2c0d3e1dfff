"""A place is held from the moment at which a job is offered until it is launched, refused, or not assigned in time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from reloadls.pool.errors import PoolError

if TYPE_CHECKING:
    from reloadls.pool.pool import SessionPool
    from reloadls.pool.reservation import Reservation
    from reloadls.pool.sessions.session import SessionHandle

__all__ = ["Places"]

Answer = Callable[[Any], Awaitable[None]]
_log = logging.getLogger(__name__)


class Places:
    """Answers job requests within the pool's places.

    Args:
        pool: what has the places.
        is_live: whether a job runs.
        answer_s: how long a request function may hold one, in seconds.
    """

    def __init__(self, pool: SessionPool, is_live: Callable[[str], bool], answer_s: float) -> None:
        self._pool = pool
        self._is_live = is_live
        self._answer_s = answer_s
        self._held: dict[str, tuple[Reservation, asyncio.Timeout]] = {}

    def within(self, answer: Answer) -> Answer:
        """A request function that holds a place while `answer` runs, and refuses the job if there is none.

        LiveKit's `JobRequest.accept` returns after the launch, so a place is held for as long as it may be needed: if
        the assignment does not come, LiveKit raises in `accept`.
        """

        async def request(job: Any) -> None:
            if job.id in self._held or self._is_live(job.id):
                _log.warning("refusing job %r: it is here already", job.id)
                await job.reject(terminate=False)
                return
            async with AsyncExitStack() as stack:
                try:
                    place = await stack.enter_async_context(self._pool.reserve())
                except PoolError as error:
                    _log.info("refusing job %r: %s", job.id, error)
                    await job.reject(terminate=False)
                    return
                stack.callback(self._held.pop, job.id, None)
                async with asyncio.timeout(self._answer_s) as limit:
                    self._held[job.id] = (place, limit)
                    await answer(job)

        return request

    async def launch(self, id: str, data: Any) -> SessionHandle:
        """Start a session, in the place that is held for it if there is one."""
        if id not in self._held:
            return await self._pool.launch(id, data)
        place, limit = self._held[id]
        handle = await place.launch(id, data)
        limit.reschedule(None)  # what the request function does from now on holds no place
        return handle
